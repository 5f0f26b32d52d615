//! What a send reports when a receiver fails.

use std::any::Any;
use std::error::Error;
use std::fmt;

use crate::Receiver;

/// Any error that a receiver may return.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// The first failure of a [`Signal::send`](crate::Signal::send): which receiver raised, and what.
///
/// The receiver's own error is kept as it was returned: see [`SendError::downcast_ref`] and
/// [`SendError::into_source`].
///
/// ```
/// use signalpost_dispatch::{Event, Sender, Signal};
///
/// let signal: Signal<()> = Signal::new("doc.fails");
/// signal.connect(|_: &Event<()>| "x".parse::<u8>().map(drop));
/// let error = signal.send(Sender::NONE, &()).unwrap_err();
/// assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
/// assert!(error.to_string().ends_with("invalid digit found in string"));
/// ```
pub struct SendError {
    receiver: Option<Receiver>,
    source: BoxError,
}

impl SendError {
    /// The failure of `receiver`.
    pub fn raised(receiver: Receiver, source: impl Into<BoxError>) -> Self {
        Self { receiver: Some(receiver), source: source.into() }
    }

    /// A failure of the send itself, not of one of its receivers: the bridge to asynchronous receivers, or
    /// whatever a layer above this crate adds to a send.
    pub fn sending(source: impl Into<BoxError>) -> Self {
        Self { receiver: None, source: source.into() }
    }

    /// The receiver that raised; `None` when the send itself failed.
    pub fn receiver(&self) -> Option<Receiver> {
        self.receiver
    }

    /// The error that ended the send, if it is an `E`: the receiver's own or, without one, that of the send.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.source.downcast_ref()
    }

    /// The error that ended the send, unchanged.
    pub fn into_source(self) -> BoxError {
        self.source
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As it is displayed: a `main` that returns the error shows this.
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.receiver {
            Some(receiver) => write!(f, "receiver {receiver} failed: {}", self.source),
            None => write!(f, "{}", self.source),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.receiver {
            Some(_) => Some(&*self.source),
            None => self.source.source(),
        }
    }
}

/// One receiver's failure, as the robust sends report it: it returned an error, or it panicked.
#[derive(Debug)]
pub struct ReceiverError(Kind);

#[derive(Debug)]
enum Kind {
    Raised(BoxError),
    Panicked(String),
}

impl ReceiverError {
    /// The receiver returned this error.
    pub fn raised(error: impl Into<BoxError>) -> Self {
        Self(Kind::Raised(error.into()))
    }

    /// The receiver panicked; `payload` is what `catch_unwind` gave.
    pub fn panicked(payload: Box<dyn Any + Send>) -> Self {
        let message = match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(payload) => match payload.downcast::<&'static str>() {
                Ok(message) => (*message).to_owned(),
                Err(_) => "a panic with a payload that is not text".to_owned(),
            },
        };
        Self(Kind::Panicked(message))
    }

    /// True when the receiver panicked instead of returning.
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Kind::Panicked(_))
    }

    /// The receiver's own error, if it returned one and it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match &self.0 {
            Kind::Raised(error) => error.downcast_ref(),
            Kind::Panicked(_) => None,
        }
    }
}

impl fmt::Display for ReceiverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Raised(error) => error.fmt(f),
            Kind::Panicked(message) => write!(f, "panicked: {message}"),
        }
    }
}

impl Error for ReceiverError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Raised(error) => error.source(),
            Kind::Panicked(_) => None,
        }
    }
}
