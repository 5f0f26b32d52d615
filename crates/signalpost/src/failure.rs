//! Errors by which a background receiver says what should happen next.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use signalpost_dispatch::BoxError;
use signalpost_worker::Failure;

/// A failure that every attempt would meet: the task is dead at once. It must be what the receiver returns: wrapped in
/// another error it is an ordinary failure.
///
/// ```
/// use signalpost::{BoxError, Permanent};
///
/// fn charge(card: &str) -> Result<(), BoxError> {
///     if card.is_empty() {
///         return Err(Permanent::new("the order has no card").into());
///     }
///     Ok(())
/// }
/// # assert_eq!(charge("").unwrap_err().to_string(), "the order has no card");
/// ```
#[derive(Debug)]
pub struct Permanent(BoxError);

impl Permanent {
    /// Wraps the error that explains it.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Permanent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// A failure after which the receiver wants to be tried again at a time of its own choice (an API that said when),
/// while it has attempts left. It must be what the receiver returns: wrapped in another error it is an ordinary failure.
///
/// ```
/// use signalpost::RetryAfter;
/// use std::time::Duration;
///
/// let error = RetryAfter::new(Duration::from_secs(30), "the API wants us to slow down");
/// assert_eq!(error.to_string(), "the API wants us to slow down");
/// ```
#[derive(Debug)]
pub struct RetryAfter {
    after: Duration,
    error: BoxError,
}

impl RetryAfter {
    /// Wraps the error that explains it.
    pub fn new(after: Duration, error: impl Into<BoxError>) -> Self {
        Self { after, error: error.into() }
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for RetryAfter {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// What a receiver's error means for its task, with the whole chain of causes as the reason.
pub(crate) fn from_error(error: &BoxError) -> Failure {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Many errors repeat their cause in their own text.
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = error.source();
    }
    if error.is::<Permanent>() {
        Failure::permanent(reason)
    } else if let Some(retry) = error.downcast_ref::<RetryAfter>() {
        Failure::retry_after(retry.after, reason)
    } else {
        Failure::new(reason)
    }
}
