//! The signal itself: connecting receivers and sending to them.

use std::any::type_name;
use std::fmt;
use std::mem::needs_drop;
use std::panic::Location;
use std::sync::Arc;

use crate::bridge::{Bridge, ParkingBridge};
use crate::receiver::{AsyncMethod, AsyncReceiver, Call, Entry, Identity, Turn};
use crate::registry::{Now, Registry, has_uid, matches};
use crate::sending::{refuse, send_async, send_async_robust, send_sync, send_sync_robust, send_to};
use crate::{
    ConnectOptions, Connection, Event, Receiver, ReceiverError, ReceiverId, ReceiverInfo, ReceiverOutput, SendError,
    Sender,
};

/// What the robust sends return: every receiver, with its response or its error.
pub type RobustResponses<R> = Vec<(Receiver, Result<R, ReceiverError>)>;

/// A kind of event with payload `P`. Its receivers respond with `R`.
///
/// A signal is usually a `static`. All methods take `&self` and may be called from any thread, and from inside a
/// receiver.
///
/// ```
/// use signalpost_dispatch::{Event, Sender, Signal};
///
/// static GREET: Signal<&str, String> = Signal::new("doc.greet");
///
/// GREET.connect(|event: &Event<&str>| format!("Hello, {}", event.payload));
/// let responses = GREET.send(Sender::NONE, &"Ada")?;
/// assert_eq!(responses[0].1, "Hello, Ada");
/// # Ok::<(), signalpost_dispatch::SendError>(())
/// ```
pub struct Signal<P, R = ()> {
    name: &'static str,
    registry: Registry<P, R>,
}

impl<P, R> Signal<P, R> {
    /// A signal without receivers.
    pub const fn new(name: &'static str) -> Self {
        Self { name, registry: Registry::new() }
    }

    /// The name given to [`Signal::new`].
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// True when a send by `sender` would call somebody.
    pub fn has_listeners(&self, sender: &Sender) -> bool {
        self.registry.hears(sender)
    }

    /// Everything that is connected, in order of connection.
    pub fn receivers(&self) -> Vec<ReceiverInfo> {
        self.registry.live()
    }

    /// Removes the connection with this id; false when there is none.
    pub fn disconnect_receiver(&self, id: ReceiverId) -> bool {
        self.registry.remove_where(|entry| entry.receiver.id == id)
    }

    /// Removes the receiver that was connected for any sender and without a uid; false when it was not connected.
    ///
    /// Only functions and closures without captures can be found again this way.
    pub fn disconnect<F: 'static>(&self, receiver: F) -> bool {
        self.disconnect_with(ConnectOptions::new(), receiver)
    }

    /// Removes the receiver that was connected with these options. With a `dispatch_uid` the uid decides, and the
    /// receiver given is not looked at.
    pub fn disconnect_with<F: 'static>(&self, options: ConnectOptions, receiver: F) -> bool {
        self.remove(&options, Identity::of(&receiver))
    }

    /// Removes the method of `object` that [`Signal::connect_weak`] connected with these options.
    pub fn disconnect_weak<T, F: 'static>(&self, options: ConnectOptions, object: &Arc<T>, method: F) -> bool {
        self.remove(&options, Identity::of_method(object, &method))
    }

    /// Removes whatever was connected with the `dispatch_uid` and the sender of `options`; false when there is
    /// nothing, which is the case for the right uid with another sender, and always without a uid.
    pub fn disconnect_uid(&self, options: ConnectOptions) -> bool {
        self.registry.remove_where(|entry| has_uid(entry, &options))
    }

    fn remove(&self, options: &ConnectOptions, identity: Identity) -> bool {
        self.registry.remove_where(|entry| matches(entry, identity, options.dispatch_uid.as_ref(), &options.sender))
    }
}

impl<P: 'static, R: 'static> Signal<P, R> {
    /// Connects a synchronous receiver to sends by anybody.
    #[track_caller]
    pub fn connect<F, O>(&self, receiver: F) -> Connection<'_, P, R>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        self.connect_with(ConnectOptions::new(), receiver)
    }

    /// Connects a synchronous receiver.
    #[track_caller]
    pub fn connect_with<F, O>(&self, options: ConnectOptions, receiver: F) -> Connection<'_, P, R>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        let identity = Identity::of(&receiver);
        let call = Call::Sync(Arc::new(move |event| Turn::of(receiver(event))));
        self.insert(options, identity, None, type_name::<F>(), call, needs_drop::<F>())
    }

    /// Connects an asynchronous receiver to sends by anybody.
    #[track_caller]
    pub fn connect_async<F>(&self, receiver: F) -> Connection<'_, P, R>
    where
        F: for<'a> AsyncReceiver<'a, P, R> + Send + Sync + 'static,
    {
        self.connect_async_with(ConnectOptions::new(), receiver)
    }

    /// Connects an asynchronous receiver.
    #[track_caller]
    pub fn connect_async_with<F>(&self, options: ConnectOptions, receiver: F) -> Connection<'_, P, R>
    where
        F: for<'a> AsyncReceiver<'a, P, R> + Send + Sync + 'static,
    {
        let identity = Identity::of(&receiver);
        let call = Call::Async(Arc::new(move |event| {
            let running = receiver(event);
            Box::pin(async move { Turn::of(running.await) })
        }));
        self.insert(options, identity, None, type_name::<F>(), call, needs_drop::<F>())
    }

    /// Connects a method of `object` for as long as the object lives: when its last `Arc` goes, so does the
    /// receiver. An object that goes in the middle of a send is not called if its turn had not come.
    ///
    /// ```
    /// use signalpost_dispatch::{ConnectOptions, Event, Sender, Signal};
    /// use std::sync::Arc;
    ///
    /// struct Cache;
    /// impl Cache {
    ///     fn forget(&self, _event: &Event<u32>) {}
    /// }
    ///
    /// let signal: Signal<u32> = Signal::new("doc.weak");
    /// let cache = Arc::new(Cache);
    /// signal.connect_weak(ConnectOptions::new(), &cache, Cache::forget);
    /// assert!(signal.has_listeners(&Sender::NONE));
    /// drop(cache);
    /// assert!(!signal.has_listeners(&Sender::NONE));
    /// ```
    #[track_caller]
    pub fn connect_weak<T, F, O>(&self, options: ConnectOptions, object: &Arc<T>, method: F) -> Connection<'_, P, R>
    where
        T: Send + Sync + 'static,
        F: Fn(&T, &Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        let identity = Identity::of_method(object, &method);
        let (weak, owner) = (Arc::downgrade(object), Arc::downgrade(object));
        let call = Call::Sync(Arc::new(move |event| {
            weak.upgrade().map_or(Turn::Gone, |object| Turn::of(method(&object, event)))
        }));
        self.insert(options, identity, Some(Box::new(move || owner.strong_count() > 0)), type_name::<F>(), call, true)
    }

    /// Connects an asynchronous method of `object` for as long as the object lives. A run that has begun keeps
    /// the object alive to its end.
    #[track_caller]
    pub fn connect_weak_async<T, F>(&self, options: ConnectOptions, object: &Arc<T>, method: F) -> Connection<'_, P, R>
    where
        T: Send + Sync + 'static,
        F: for<'a> AsyncMethod<'a, T, P, R> + Send + Sync + 'static,
        P: Sync,
    {
        let identity = Identity::of_method(object, &method);
        let (weak, owner, method) = (Arc::downgrade(object), Arc::downgrade(object), Arc::new(method));
        let call = Call::Async(Arc::new(move |event| {
            let (object, method) = (weak.upgrade(), method.clone());
            Box::pin(async move {
                let Some(object) = object else { return Turn::Gone };
                let event = *event;
                Turn::of(method(&object, &event).await)
            })
        }));
        self.insert(options, identity, Some(Box::new(move || owner.strong_count() > 0)), type_name::<F>(), call, true)
    }

    #[track_caller]
    fn insert(
        &self,
        options: ConnectOptions,
        identity: Identity,
        alive: Option<Box<dyn Fn() -> bool + Send + Sync>>,
        type_name: &'static str,
        call: Call<P, R>,
        owns: bool,
    ) -> Connection<'_, P, R> {
        let receiver = Receiver::new(options.name.unwrap_or(type_name), Location::caller());
        let ConnectOptions { sender, dispatch_uid, name: _ } = options;
        let receiver = self.registry.insert(Entry { receiver, identity, sender, dispatch_uid, alive, call, owns });
        Connection { signal: self, receiver }
    }
}

impl<P: Sync, R: Send> Signal<P, R> {
    /// Sends to every receiver of `sender`, on this thread, and returns what each responded.
    ///
    /// The synchronous receivers run first, one at a time, in order of connection; then the asynchronous ones, all
    /// together, while this thread waits. The list is in that order too, and empty when nobody listens.
    ///
    /// # Errors
    ///
    /// The first receiver that returns an error ends the send: later ones do not run, asynchronous ones under way
    /// are dropped. A panic is not caught.
    // In the caller, where the sender is made: to be moved while it is being written costs as much as to look it up.
    #[inline(always)]
    pub fn send(&self, sender: impl Into<Sender>, payload: &P) -> Result<Vec<(Receiver, R)>, SendError> {
        self.send_event(&Event::new(self.name, &sender.into(), payload), &ParkingBridge)
    }

    /// As [`Signal::send`], but every receiver runs: an error or a panic becomes that receiver's response, and is
    /// logged at level ERROR to the target `signalpost::dispatch`.
    pub fn send_robust(&self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        self.send_event_robust(&Event::new(self.name, &sender.into(), payload), &ParkingBridge)
    }

    /// As [`Signal::send`], from asynchronous code. The synchronous receivers run on the polling thread.
    ///
    /// # Errors
    ///
    /// As [`Signal::send`].
    pub async fn asend(&self, sender: impl Into<Sender>, payload: &P) -> Result<Vec<(Receiver, R)>, SendError> {
        let sender = sender.into();
        self.asend_event(&Event::new(self.name, &sender, payload)).await
    }

    /// As [`Signal::send_robust`], from asynchronous code.
    pub async fn asend_robust(&self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        let sender = sender.into();
        self.asend_event_robust(&Event::new(self.name, &sender, payload)).await
    }

    /// [`Signal::send`] with an event made by the caller, which may carry a context, over a bridge of the caller's.
    ///
    /// # Errors
    ///
    /// As [`Signal::send`], and what the bridge refuses.
    pub fn send_event(&self, event: &Event<'_, P>, bridge: &dyn Bridge) -> Result<Vec<(Receiver, R)>, SendError> {
        self.send_event_with(event, bridge, |response| response, Ok)
    }

    /// [`Signal::send_event`] for a layer that adds to sends: collects what `respond` makes of each response, and returns
    /// what `finish` makes of the list, unless a receiver has raised.
    ///
    /// # Errors
    ///
    /// As [`Signal::send_event`], and that of `finish`.
    pub fn send_event_with<T: Send>(
        &self,
        event: &Event<'_, P>,
        bridge: &dyn Bridge,
        respond: impl Fn(R) -> T + Copy + Send + Sync,
        finish: impl FnOnce(Vec<(Receiver, T)>) -> Result<Vec<(Receiver, T)>, SendError>,
    ) -> Result<Vec<(Receiver, T)>, SendError> {
        match self.registry.look() {
            Now::Nobody => finish(Vec::new()),
            Now::Kept(snapshot) if event.filter.is_none() => {
                send_to(snapshot.receivers(event.sender), event, bridge, respond, finish)
            }
            _ => self.send_passing(event, bridge, respond, finish),
        }
    }

    // Apart, so that what most sends do is short.
    #[inline(never)]
    fn send_passing<T: Send>(
        &self,
        event: &Event<'_, P>,
        bridge: &dyn Bridge,
        respond: impl Fn(R) -> T + Copy + Send + Sync,
        finish: impl FnOnce(Vec<(Receiver, T)>) -> Result<Vec<(Receiver, T)>, SendError>,
    ) -> Result<Vec<(Receiver, T)>, SendError> {
        match self.registry.hold().get() {
            Some(snapshot) => send_to(&snapshot.receivers_for(event), event, bridge, respond, finish),
            None => finish(Vec::new()),
        }
    }

    /// [`Signal::send_robust`] with an event and a bridge of the caller's. A bridge that refuses is the response
    /// of every asynchronous receiver.
    pub fn send_event_robust(&self, event: &Event<'_, P>, bridge: &dyn Bridge) -> RobustResponses<R> {
        let held = self.registry.hold();
        let Some(snapshot) = held.get() else { return Vec::new() };
        let plan = &*snapshot.receivers_for(event);
        let mut responses = send_sync_robust(plan, event);
        if !plan.asynchronous.is_empty() {
            let run = Box::pin(send_async_robust(plan, event, &mut responses));
            if let Err(refused) = bridge.block_on(run) {
                refuse(plan, event, &refused, &mut responses);
            }
        }
        responses
    }

    /// [`Signal::asend`] with an event made by the caller.
    ///
    /// # Errors
    ///
    /// As [`Signal::asend`].
    pub async fn asend_event(&self, event: &Event<'_, P>) -> Result<Vec<(Receiver, R)>, SendError> {
        self.asend_event_with(event, |response| response).await
    }

    /// [`Signal::asend_event`], which collects what `respond` makes of each response.
    ///
    /// # Errors
    ///
    /// As [`Signal::asend`].
    pub async fn asend_event_with<T: Send>(
        &self,
        event: &Event<'_, P>,
        respond: impl Fn(R) -> T + Copy + Send + Sync,
    ) -> Result<Vec<(Receiver, T)>, SendError> {
        let held = self.registry.hold();
        let Some(snapshot) = held.get() else { return Ok(Vec::new()) };
        let plan = &*snapshot.receivers_for(event);
        let mut responses = send_sync(plan, event, respond, Ok)?;
        if !plan.asynchronous.is_empty() {
            send_async(plan, event, &mut responses, respond).await?;
        }
        Ok(responses)
    }

    /// [`Signal::asend_robust`] with an event made by the caller.
    pub async fn asend_event_robust(&self, event: &Event<'_, P>) -> RobustResponses<R> {
        let held = self.registry.hold();
        let Some(snapshot) = held.get() else { return Vec::new() };
        let plan = &*snapshot.receivers_for(event);
        let mut responses = send_sync_robust(plan, event);
        if !plan.asynchronous.is_empty() {
            send_async_robust(plan, event, &mut responses).await;
        }
        responses
    }
}

impl<P, R> fmt::Debug for Signal<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("name", &self.name).finish_non_exhaustive()
    }
}
