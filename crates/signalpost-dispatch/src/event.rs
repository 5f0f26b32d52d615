//! What a receiver is given.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::{Receiver, Sender};

/// One sent signal, as its receivers see it.
///
/// An event borrows from the send: a receiver that wants to keep something clones it.
#[non_exhaustive]
pub struct Event<'a, P> {
    /// What was sent.
    pub payload: &'a P,
    /// Who sent it; [`Sender::NONE`] when the send named nobody.
    pub sender: &'a Sender,
    /// The name of the signal.
    pub signal: &'a str,
    context: Option<&'a (dyn Any + Send + Sync)>,
    pub(crate) filter: Option<fn(Receiver) -> bool>,
    pub(crate) watch: Option<Watch>,
}

/// Is told how long each synchronous receiver of a send has run: see [`Event::with_watch`].
pub type Watch = fn(signal: &str, receiver: Receiver, took: Duration);

impl<'a, P> Event<'a, P> {
    /// An event of the signal called `signal`.
    ///
    /// ```
    /// use signalpost_dispatch::{Event, Sender};
    ///
    /// let event = Event::new("shop.order_paid", &Sender::NONE, &7);
    /// assert_eq!((event.signal, *event.payload), ("shop.order_paid", 7));
    /// ```
    pub fn new(signal: &'a str, sender: &'a Sender, payload: &'a P) -> Self {
        Self { payload, sender, signal, context: None, filter: None, watch: None }
    }

    /// The same event, carrying something that a layer above this crate gives its receivers.
    #[must_use]
    pub fn with_context(mut self, context: &'a (dyn Any + Send + Sync)) -> Self {
        self.context = Some(context);
        self
    }

    /// The same event, for those receivers only that `filter` lets pass. The others do not respond.
    ///
    /// ```
    /// use signalpost_dispatch::{ConnectOptions, Event, ParkingBridge, Sender, Signal};
    ///
    /// let signal: Signal<u32, u32> = Signal::new("doc.filter");
    /// signal.connect_with(ConnectOptions::new().name("double"), |event: &Event<u32>| event.payload * 2);
    /// signal.connect_with(ConnectOptions::new().name("half"), |event: &Event<u32>| event.payload / 2);
    ///
    /// let event = Event::new("doc.filter", &Sender::NONE, &8).with_filter(|receiver| receiver.name() != "half");
    /// let responses = signal.send_event(&event, &ParkingBridge)?;
    /// assert_eq!(responses.iter().map(|(_, response)| *response).collect::<Vec<_>>(), [16]);
    /// # Ok::<(), signalpost_dispatch::SendError>(())
    /// ```
    #[must_use]
    pub fn with_filter(mut self, filter: fn(Receiver) -> bool) -> Self {
        self.filter = Some(filter);
        self
    }

    /// The same event, whose synchronous receivers are timed. `watch` is called after each of them, on its thread.
    ///
    /// ```
    /// use signalpost_dispatch::{Event, ParkingBridge, Sender, Signal};
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    ///
    /// static TIMED: AtomicU32 = AtomicU32::new(0);
    ///
    /// let signal: Signal<u32> = Signal::new("doc.watch");
    /// signal.connect(|_: &Event<u32>| {});
    /// let event = Event::new("doc.watch", &Sender::NONE, &8).with_watch(|_, _, _| drop(TIMED.fetch_add(1, Relaxed)));
    /// signal.send_event(&event, &ParkingBridge)?;
    /// assert_eq!(TIMED.load(Relaxed), 1);
    /// # Ok::<(), signalpost_dispatch::SendError>(())
    /// ```
    #[must_use]
    pub fn with_watch(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// What the sending layer attached with [`Event::with_context`], if it is a `T`.
    pub fn context<T: Any>(&self) -> Option<&'a T> {
        self.context.and_then(|context| context.downcast_ref())
    }
}

impl<P> Clone for Event<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Event<'_, P> {}

impl<P: fmt::Debug> fmt::Debug for Event<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("signal", &self.signal)
            .field("sender", &self.sender)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}
