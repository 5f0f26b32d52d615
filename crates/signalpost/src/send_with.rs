//! Sends of which something is said.

use crate::SendOptions;
use crate::send_options::PLAIN;

/// A signal, and what is said of the send that comes next: see [`Signal::with`](crate::Signal::with) and
/// [`AsyncSignal::with`](crate::AsyncSignal::with).
// Every send goes through here, but those of `Signal::send` that find inline receivers only. The methods stand beside the
// signals' own, in `sending.rs` and `many.rs` of each.
#[derive(Debug)]
#[must_use = "nothing is sent before one of its methods is called"]
pub struct SendWith<'a, S> {
    pub(crate) signal: &'a S,
    // Boxed, because it is moved into the future of every send, and most of them say nothing.
    options: Option<Box<SendOptions>>,
}

impl<'a, S> SendWith<'a, S> {
    pub(crate) fn new(signal: &'a S, options: SendOptions) -> Self {
        Self { signal, options: Some(Box::new(options)) }
    }

    /// A send of which nothing is said.
    pub(crate) fn plain(signal: &'a S) -> Self {
        Self { signal, options: None }
    }

    pub(crate) fn options(&self) -> &SendOptions {
        self.options.as_deref().unwrap_or(&PLAIN)
    }
}
