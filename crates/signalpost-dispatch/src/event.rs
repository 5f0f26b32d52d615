//! What a receiver is given.

use std::any::Any;
use std::fmt;

use crate::Sender;

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
}

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
        Self { payload, sender, signal, context: None }
    }

    /// The same event, carrying something that a layer above this crate gives its receivers.
    #[must_use]
    pub fn with_context(mut self, context: &'a (dyn Any + Send + Sync)) -> Self {
        self.context = Some(context);
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
