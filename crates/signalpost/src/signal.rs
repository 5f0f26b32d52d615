//! The signal: inline receivers in this process, background receivers through the store.

mod many;

use std::any::type_name;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;
use serde::Serialize;
use serde::de::DeserializeOwned;
use signalpost_dispatch::{
    AsyncMethod, AsyncReceiver, BoxError, ConnectOptions, Connection, Event, Receiver, ReceiverError, ReceiverId,
    ReceiverOutput, SendError, Sender,
};
use signalpost_store::{DEFAULT_QUEUE, NewTask, PayloadError, PayloadLimits, encode_payload};
use signalpost_worker::Run;

use crate::background::{
    BackgroundOptions, BackgroundReceiver, Declared, Defaults, StartRun, start_async, start_blocking,
};
use crate::bridge::TokioBridge;
use crate::hooks::Captures;
use crate::link::link_first;
use crate::outbox::Outbox;
use crate::registry::{self, ConnectedReceiver, RegistryError, SignalInfo};
use crate::run::RunContext;
use crate::send_options::PLAIN;
use crate::sending::{Row, Rows, Scope, all_failed};
use crate::stored_signal::StoredSignal;
use crate::{Response, SendOptions, SendWith, hooks, link};

/// What a send returns: every receiver, with its response.
pub type Responses<R> = Vec<(Receiver, Response<R>)>;

/// What the robust sends return: every receiver, with its response or its error.
pub type RobustResponses<R> = Vec<(Receiver, Result<Response<R>, ReceiverError>)>;

type Encode<P> = fn(&P, PayloadLimits) -> Result<String, PayloadError>;

/// A kind of event with payload `P`. Inline receivers respond with `R`; background receivers get a task each.
///
/// A signal is usually a `static`, under a name that is given by hand, because it is stored with tasks. Receivers are
/// declared with [`#[receiver]`](macro@crate::receiver) or connected by hand. All methods take `&self` and may be
/// called from any thread, and from inside a receiver.
///
/// # The order of a send
///
/// 1. The payload is encoded, if there are background receivers for the sender. A payload beyond the limits is
///    refused here, before anybody has run.
/// 2. Inline receivers: the synchronous ones in order of connection, then the asynchronous ones together.
/// 3. One INSERT with a row for each background receiver. If an inline receiver has raised, it is not made (the robust
///    forms make it all the same).
///
/// The crate's [first page](crate) has an example.
pub struct Signal<P, R = ()> {
    inline: signalpost_dispatch::Signal<P, R>,
    pub(crate) stored: StoredSignal,
    background: ArcSwapOption<Vec<Arc<BackgroundReceiver>>>,
    changing: Mutex<()>,
    // Set by the first background receiver, which is what demands that the payload can be written.
    encode: OnceLock<Encode<P>>,
    pub(crate) captures: Captures<P>,
}

impl<P, R> Signal<P, R> {
    /// A signal without receivers. The name stands in every task: at most 200 bytes, not changed while tasks wait, and
    /// given to one signal only. That is not checked: two signals of one name share their tasks' receivers.
    pub const fn new(name: &'static str) -> Self {
        Self {
            inline: signalpost_dispatch::Signal::new(name),
            stored: StoredSignal::new(name),
            background: ArcSwapOption::const_empty(),
            changing: Mutex::new(()),
            encode: OnceLock::new(),
            captures: Captures::new(),
        }
    }

    /// What the signal was called before: a task that names one of these finds the signal's receivers, and their
    /// events show the new name. No other signal may be called so. Needed in workers for as long as such tasks wait.
    ///
    /// ```
    /// use signalpost::Signal;
    ///
    /// static ORDER_PAID: Signal<u32> = Signal::new("shop.order_paid").aliases(&["shop.paid"]);
    /// ```
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.stored.aliases = aliases;
        self
    }

    /// The version of the payload's shape, from 1, and how an older one is made into it. Default: 1, and there is no older.
    ///
    /// Raise it when a stored payload of the older shape could not be read as `P`, or would be read wrongly. Tasks are
    /// written with the version. A worker gives `upgrade` the version and the JSON of a task that is older, and reads
    /// what it returns, in the newest shape, as `P`; when that fails the task is dead. A worker that knows an older
    /// version than the task's leaves it waiting, as it does a task whose receiver it does not know: so deploy workers
    /// before senders.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use serde_json::{Value, json};
    /// use signalpost::{BoxError, Signal};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Paid {
    ///     cents: u64,
    /// }
    ///
    /// /// Version 1 had whole euros.
    /// fn in_cents(_version: u32, paid: Value) -> Result<Value, BoxError> {
    ///     let euros = paid["euros"].as_u64().ok_or("there are no euros")?;
    ///     Ok(json!({ "cents": euros * 100 }))
    /// }
    ///
    /// static PAID: Signal<Paid> = Signal::new("doc.version.paid").version(2, in_cents);
    /// ```
    ///
    /// # Panics
    ///
    /// When the version is 0: in a `static`, where the program is compiled.
    #[must_use]
    pub const fn version(
        mut self,
        version: u32,
        upgrade: fn(u32, serde_json::Value) -> Result<serde_json::Value, BoxError>,
    ) -> Self {
        self.stored = self.stored.versioned(version, upgrade);
        self
    }

    /// The name given to [`Signal::new`].
    pub fn name(&self) -> &'static str {
        self.inline.name()
    }

    /// The signal, and something to say of the send that comes next: a delay, an id that makes it idempotent.
    ///
    /// ```
    /// use signalpost::{BoxError, SendOptions, Sender, Signal};
    /// use std::time::Duration;
    ///
    /// static SIGNED_UP: Signal<u32> = Signal::new("doc.signed_up");
    ///
    /// # async fn sign_up() -> Result<(), BoxError> {
    /// SIGNED_UP.with(SendOptions::new().delay(Duration::from_secs(3600))).asend(Sender::NONE, &7).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with(&self, options: SendOptions) -> SendWith<'_, Self> {
        SendWith { signal: self, options }
    }

    /// True when a send by `sender` would call somebody or write a task.
    pub fn has_listeners(&self, sender: &Sender) -> bool {
        // What cannot be linked cannot be sent either: the send says why.
        let linked = link::link().is_ok();
        linked && (self.inline.has_listeners(sender) || !self.background(sender).is_empty())
    }

    /// Everything that is connected: inline receivers in order of connection, then background ones.
    pub fn receivers(&self) -> Vec<ConnectedReceiver> {
        link_first();
        self.connected()
    }

    fn connected(&self) -> Vec<ConnectedReceiver> {
        let inline = self.inline.receivers();
        let background = self.background.load_full();
        let background = background.iter().flat_map(|receivers| receivers.iter().map(|receiver| (&**receiver).into()));
        inline.iter().map(ConnectedReceiver::from).chain(background).collect()
    }

    /// Whether no background receiver was ever connected: then a send has no rows of its own.
    #[inline]
    fn is_inline(&self) -> bool {
        link::is_linked() && self.encode.get().is_none()
    }

    /// The background receivers of a sender.
    fn background(&self, sender: &Sender) -> Vec<Arc<BackgroundReceiver>> {
        if self.is_inline() {
            return Vec::new();
        }
        match &*self.background.load() {
            Some(receivers) => {
                let hears =
                    |receiver: &&Arc<BackgroundReceiver>| receiver.hears(sender) && !hooks::is_muted(receiver.name());
                receivers.iter().filter(hears).cloned().collect()
            }
            None => Vec::new(),
        }
    }

    /// Removes the connection of an inline receiver; false when there is none with this id.
    pub fn disconnect_receiver(&self, id: ReceiverId) -> bool {
        link_first();
        self.inline.disconnect_receiver(id)
    }

    /// Removes the inline receiver that was connected for any sender and without a uid.
    pub fn disconnect<F: 'static>(&self, receiver: F) -> bool {
        link_first();
        self.inline.disconnect(receiver)
    }

    /// Removes the inline receiver that was connected with these options. With a `dispatch_uid` the uid decides.
    pub fn disconnect_with<F: 'static>(&self, options: ConnectOptions, receiver: F) -> bool {
        link_first();
        self.inline.disconnect_with(options, receiver)
    }

    /// Removes the inline receiver that was connected with the `dispatch_uid` and the sender of `options`.
    pub fn disconnect_uid(&self, options: ConnectOptions) -> bool {
        link_first();
        self.inline.disconnect_uid(options)
    }

    /// Removes the method of `object` that was connected with these options.
    pub fn disconnect_weak<T, F: 'static>(&self, options: ConnectOptions, object: &Arc<T>, method: F) -> bool {
        self.inline.disconnect_weak(options, object, method)
    }

    /// Removes the background receiver called `name`: later sends write no task for it, and tasks that wait for it meet
    /// an unknown receiver in this process's workers. False when there is none.
    pub fn disconnect_background(&self, name: &str) -> bool {
        link_first();
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = self.background.load_full().map_or_else(Vec::new, |receivers| receivers.to_vec());
        left.retain(|receiver| receiver.name() != name);
        self.background.store(Some(Arc::new(left)));
        registry::unregister(self.name(), name)
    }
}

impl<P: 'static, R: 'static> Signal<P, R> {
    /// Connects a synchronous inline receiver to sends by anybody.
    #[track_caller]
    pub fn connect<F, O>(&self, receiver: F) -> Connection<'_, P, R>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        self.inline.connect(receiver)
    }

    /// Connects a synchronous inline receiver.
    #[track_caller]
    pub fn connect_with<F, O>(&self, options: ConnectOptions, receiver: F) -> Connection<'_, P, R>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        self.inline.connect_with(options, receiver)
    }

    /// Connects an asynchronous inline receiver to sends by anybody.
    #[track_caller]
    pub fn connect_async<F>(&self, receiver: F) -> Connection<'_, P, R>
    where
        F: for<'a> AsyncReceiver<'a, P, R> + Send + Sync + 'static,
    {
        self.inline.connect_async(receiver)
    }

    /// Connects an asynchronous inline receiver.
    #[track_caller]
    pub fn connect_async_with<F>(&self, options: ConnectOptions, receiver: F) -> Connection<'_, P, R>
    where
        F: for<'a> AsyncReceiver<'a, P, R> + Send + Sync + 'static,
    {
        self.inline.connect_async_with(options, receiver)
    }

    /// Connects a method of `object` as an inline receiver, for as long as the object lives.
    #[track_caller]
    pub fn connect_weak<T, F, O>(&self, options: ConnectOptions, object: &Arc<T>, method: F) -> Connection<'_, P, R>
    where
        T: Send + Sync + 'static,
        F: Fn(&T, &Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        self.inline.connect_weak(options, object, method)
    }

    /// Connects an asynchronous method of `object` as an inline receiver, for as long as the object lives.
    #[track_caller]
    pub fn connect_weak_async<T, F>(&self, options: ConnectOptions, object: &Arc<T>, method: F) -> Connection<'_, P, R>
    where
        T: Send + Sync + 'static,
        F: for<'a> AsyncMethod<'a, T, P, R> + Send + Sync + 'static,
        P: Sync,
    {
        self.inline.connect_weak_async(options, object, method)
    }

    #[doc(hidden)]
    #[track_caller]
    pub fn __connect<F, O>(&'static self, options: ConnectOptions, receiver: F) -> Result<(), RegistryError>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<R>,
    {
        self.list();
        self.connect_with(options, receiver);
        Ok(())
    }

    #[doc(hidden)]
    #[track_caller]
    pub fn __connect_async<F>(&'static self, options: ConnectOptions, receiver: F) -> Result<(), RegistryError>
    where
        F: for<'a> AsyncReceiver<'a, P, R> + Send + Sync + 'static,
    {
        self.list();
        self.connect_async_with(options, receiver);
        Ok(())
    }

    fn list(&'static self) {
        registry::list(self.name(), || SignalInfo { name: self.name(), receivers: self.connected() });
    }
}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static, R: 'static> Signal<P, R> {
    /// Connects an asynchronous background receiver. It takes the event and nothing else:
    /// [`running_task`](crate::running_task) tells of its run; `Data` and `keep_result` are for `#[receiver]`.
    ///
    /// Workers look receivers up by name: connect it in the worker's process and in the sender's.
    ///
    /// # Errors
    ///
    /// When another receiver has the name; when the name or the queue is empty, longer than 200 bytes or has control
    /// characters; when the priority is beyond ±100 or `max_attempts` is 0; when the sender is an object. The same name
    /// from the same line of source again changes nothing.
    #[track_caller]
    pub fn connect_background<F>(&self, options: BackgroundOptions, receiver: F) -> Result<Receiver, RegistryError>
    where
        F: for<'a> AsyncReceiver<'a, P, ()> + Send + Sync + 'static,
    {
        let declared = Declared { is_blocking: false, needs: Vec::new() };
        self.register(options, type_name::<F>(), declared, start_async::<P, F>(self.stored, receiver))
    }

    /// Connects a background receiver of blocking code, which runs on a thread of its own.
    ///
    /// # Errors
    ///
    /// As [`Signal::connect_background`].
    #[track_caller]
    pub fn connect_background_blocking<F, O>(
        &self,
        options: BackgroundOptions,
        receiver: F,
    ) -> Result<Receiver, RegistryError>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<()>,
    {
        let declared = Declared { is_blocking: true, needs: Vec::new() };
        self.register(options, type_name::<F>(), declared, start_blocking::<P, F, O>(self.stored, receiver))
    }

    #[doc(hidden)]
    #[track_caller]
    pub fn __connect_background(
        &'static self,
        options: BackgroundOptions,
        declared: Declared,
        start: impl Fn(RunContext) -> Run + Send + Sync + 'static,
    ) -> Result<(), RegistryError> {
        self.list();
        self.register(options, "", declared, Arc::new(start)).map(drop)
    }

    #[track_caller]
    fn register(
        &self,
        options: BackgroundOptions,
        name: &'static str,
        declared: Declared,
        start: StartRun,
    ) -> Result<Receiver, RegistryError> {
        let default = Defaults { name, queue: DEFAULT_QUEUE, location: Location::caller() };
        let receiver = Arc::new(BackgroundReceiver::new(self.stored, options, default, declared, start));
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if !registry::register(receiver.clone())? {
            let known = registry::find(self.name(), receiver.name());
            return Ok(known.map_or(receiver.receiver, |known| known.receiver));
        }
        self.encode.get_or_init(|| encode_payload::<P>);
        let mut receivers = self.background.load_full().map_or_else(Vec::new, |receivers| receivers.to_vec());
        receivers.push(receiver.clone());
        self.background.store(Some(Arc::new(receivers)));
        Ok(receiver.receiver)
    }
}

impl<P: Sync, R: Send> Signal<P, R> {
    /// Sends to every receiver of `sender`: runs the inline ones on this thread, writes a task for each background one,
    /// and returns when the tasks are durable.
    ///
    /// Blocks the thread; asynchronous code uses [`Signal::asend`]. Within a transaction that holds the store's database,
    /// use [`Signal::send_in`]: this would wait for the lock that the caller itself holds, and end in an error that says
    /// so. An asynchronous inline receiver that needs a runtime needs one around the send.
    ///
    /// # Errors
    ///
    /// The first inline receiver that returns an error ends the send, and no task is written. A panic is not caught.
    /// Payloads beyond the limits and failures of the store are errors too, and so are asynchronous inline receivers on
    /// a current-thread runtime. Where no store is installed the background receivers run here, all of them, and the
    /// first one's failure is the error, as text.
    // Into the caller, where the sender is made: see the send of signalpost_dispatch.
    #[inline(always)]
    pub fn send(&self, sender: impl Into<Sender>, payload: &P) -> Result<Vec<(Receiver, Response<R>)>, SendError> {
        let sender = sender.into();
        if !self.is_inline() {
            return self.send_as(&PLAIN, &sender, payload);
        }
        let scope = Scope::default();
        let finish = |responses| if scope.is_unused() { Ok(responses) } else { scope.rows().join_waiting(responses) };
        self.inline.send_event_with(&self.event(&sender, payload, &scope), &TokioBridge, Response::Now, finish)
    }

    // Apart, so that a signal of inline receivers does not pay for rows that it never has.
    #[inline(never)]
    pub(crate) fn send_as(
        &self,
        options: &SendOptions,
        sender: &Sender,
        payload: &P,
    ) -> Result<Vec<(Receiver, Response<R>)>, SendError> {
        let (rows, scope) = (self.rows(options, sender, payload)?, Scope::default());
        rows.check_waiting()?;
        let finish = |responses| rows.with(&scope).join_waiting(responses);
        self.inline.send_event_with(&self.event(sender, payload, &scope), &TokioBridge, Response::Now, finish)
    }

    /// As [`Signal::send`], but every receiver runs and every task that can be written is: an error or a panic becomes
    /// that receiver's response, and is logged at level ERROR.
    pub fn send_robust(&self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        self.send_robust_as(&PLAIN, &sender.into(), payload)
    }

    pub(crate) fn send_robust_as(&self, options: &SendOptions, sender: &Sender, payload: &P) -> RobustResponses<R> {
        let ((rows, failed), scope) = (self.rows_robust(options, sender, payload), Scope::default());
        let inline = self.inline.send_event_robust(&self.event(sender, payload, &scope), &TokioBridge);
        join_robust(inline, rows.with(&scope).write_robust_waiting(), failed)
    }

    /// As [`Signal::send`], from asynchronous code. Synchronous inline receivers run on the polling thread.
    ///
    /// # Errors
    ///
    /// As [`Signal::send`].
    ///
    /// # Cancellation
    ///
    /// When the future is dropped before it has completed, the tasks are written or not, all or none.
    pub async fn asend(
        &self,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Vec<(Receiver, Response<R>)>, SendError> {
        self.asend_as(&PLAIN, &sender.into(), payload).await
    }

    pub(crate) async fn asend_as(
        &self,
        options: &SendOptions,
        sender: &Sender,
        payload: &P,
    ) -> Result<Vec<(Receiver, Response<R>)>, SendError> {
        let (rows, scope) = (self.rows(options, sender, payload)?, Scope::default());
        let event = self.event(sender, payload, &scope);
        let mut responses = self.inline.asend_event_with(&event, Response::Now).await?;
        let rows = rows.with(&scope);
        if !rows.is_empty() {
            responses.extend(rows.write().await?);
        }
        Ok(responses)
    }

    /// As [`Signal::send_robust`], from asynchronous code.
    pub async fn asend_robust(&self, sender: impl Into<Sender>, payload: &P) -> RobustResponses<R> {
        self.asend_robust_as(&PLAIN, &sender.into(), payload).await
    }

    pub(crate) async fn asend_robust_as(
        &self,
        options: &SendOptions,
        sender: &Sender,
        payload: &P,
    ) -> RobustResponses<R> {
        let ((rows, failed), scope) = (self.rows_robust(options, sender, payload), Scope::default());
        let inline = self.inline.asend_event_robust(&self.event(sender, payload, &scope)).await;
        join_robust(inline, rows.with(&scope).write_robust().await, failed)
    }

    /// Sends, and writes the tasks on a connection of the caller's: they exist if and only if its transaction commits,
    /// with that connection's durability.
    ///
    /// `outbox` is a connection or transaction of sqlx or SeaORM (features `sqlx` and `sea-orm`), or anything else that
    /// can execute a statement: see [`Outbox`]. Inline receivers run now, before the commit. A transaction that reads
    /// before it sends must hold the write lock from its beginning: [`begin_immediate`](crate::begin_immediate).
    ///
    /// ```no_run
    /// # use signalpost::{BoxError, Sender, Signal};
    /// # static ORDER_PAID: Signal<u32> = Signal::new("doc.order_paid");
    /// # #[cfg(feature = "sqlx")]
    /// # async fn pay(pool: sqlx::SqlitePool) -> Result<(), BoxError> {
    /// let mut transaction = signalpost::begin_immediate(&pool).await?;
    /// sqlx::query("UPDATE orders SET paid = 1 WHERE id = 7").execute(&mut *transaction).await?;
    /// ORDER_PAID.send_in(&mut transaction, Sender::NONE, &7).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Signal::send`]; also when the connection's database has no tables of signalpost, and when there are background
    /// receivers but no store is installed: run here, they would not wait for the commit.
    pub async fn send_in(
        &self,
        outbox: impl Outbox,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Vec<(Receiver, Response<R>)>, SendError> {
        self.send_in_as(&PLAIN, outbox, &sender.into(), payload).await
    }

    pub(crate) async fn send_in_as(
        &self,
        options: &SendOptions,
        mut outbox: impl Outbox,
        sender: &Sender,
        payload: &P,
    ) -> Result<Vec<(Receiver, Response<R>)>, SendError> {
        let (rows, scope) = (self.rows(options, sender, payload)?, Scope::default());
        rows.check_store()?;
        let event = self.event(sender, payload, &scope);
        let mut responses = self.inline.asend_event_with(&event, Response::Now).await?;
        responses.extend(rows.with(&scope).write_in(&mut outbox).await?);
        Ok(responses)
    }

    /// Sends from inside an inline receiver, as part of the send that called it: the tasks are written with that send's
    /// own, on the same connection and in the same transaction, or not at all if that send fails.
    ///
    /// In a background receiver there is no send to be part of: this is [`Signal::send`] then.
    ///
    /// # Errors
    ///
    /// As [`Signal::send`].
    pub fn send_within<Q>(
        &self,
        event: &Event<'_, Q>,
        sender: impl Into<Sender>,
        payload: &P,
    ) -> Result<Vec<(Receiver, Response<R>)>, SendError> {
        self.send_within_as(&PLAIN, event, &sender.into(), payload)
    }

    pub(crate) fn send_within_as<Q>(
        &self,
        options: &SendOptions,
        event: &Event<'_, Q>,
        sender: &Sender,
        payload: &P,
    ) -> Result<Vec<(Receiver, Response<R>)>, SendError> {
        let Some(outer) = event.context::<Scope>() else { return self.send_as(options, sender, payload) };
        let (rows, scope) = (self.rows(options, sender, payload)?, Scope::default());
        let finish = |mut responses: Vec<_>| {
            responses.extend(rows.responses());
            outer.add(rows.with(&scope));
            Ok(responses)
        };
        self.inline.send_event_with(&self.event(sender, payload, &scope), &TokioBridge, Response::Now, finish)
    }

    /// Sends something that only matters if somebody listens, inline.
    pub(crate) fn tell(&self, payload: impl FnOnce() -> P) {
        if self.has_listeners(&Sender::NONE) || !self.captures.is_empty() {
            drop(self.send_robust(Sender::NONE, &payload()));
        }
    }

    fn event<'a>(&self, sender: &'a Sender, payload: &'a P, scope: &'a Scope) -> Event<'a, P> {
        self.captures.record(sender, payload);
        let event = Event::new(self.name(), sender, payload).with_context(scope);
        hooks::filter().map_or(event, |filter| event.with_filter(filter))
    }

    fn rows(&self, options: &SendOptions, sender: &Sender, payload: &P) -> Result<Rows, SendError> {
        link::link().map_err(SendError::sending)?;
        let receivers = self.background(sender);
        let mut rows = Rows::default();
        if let (false, Some(encode)) = (receivers.is_empty(), self.encode.get()) {
            let payload = encode(payload, PayloadLimits::default()).map_err(SendError::sending)?;
            let template = Rows::template(&self.stored, sender, payload.into(), options)?;
            rows.send_id = Some(template.send_id);
            rows.own = receivers.into_iter().map(|receiver| row(&template, options, receiver)).collect();
        }
        Ok(rows)
    }

    /// The rows; where they cannot be, none and the responses that say why.
    fn rows_robust(&self, options: &SendOptions, sender: &Sender, payload: &P) -> (Rows, RobustResponses<R>) {
        self.rows(options, sender, payload).map(|rows| (rows, Vec::new())).unwrap_or_else(|error| {
            tracing::error!(target: "signalpost", signal = self.name(), %error, "tasks cannot be written");
            let receivers = self.background(sender).into_iter().map(|receiver| receiver.receiver);
            (Rows::default(), all_failed(receivers, &error))
        })
    }
}

fn row(template: &NewTask, options: &SendOptions, receiver: Arc<BackgroundReceiver>) -> Row {
    let mut task = template.clone();
    task.receiver = receiver.name().to_owned();
    task.queue = receiver.queue.to_owned();
    task.priority = options.priority.unwrap_or(receiver.priority);
    Row { task, runs: vec![receiver] }
}

fn join_robust<R>(
    inline: signalpost_dispatch::RobustResponses<R>,
    written: RobustResponses<R>,
    failed: RobustResponses<R>,
) -> RobustResponses<R> {
    let now = |(receiver, response): (Receiver, Result<R, ReceiverError>)| (receiver, response.map(Response::Now));
    let mut responses: RobustResponses<R> = inline.into_iter().map(now).collect();
    responses.extend(written);
    responses.extend(failed);
    responses
}

impl<P, R> fmt::Debug for Signal<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("name", &self.name()).finish_non_exhaustive()
    }
}
