//! Sends of which something is said.

use std::borrow::Cow;

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
    pub(crate) options: Cow<'a, SendOptions>,
}

impl<'a, S> SendWith<'a, S> {
    /// A send of which nothing is said.
    pub(crate) fn plain(signal: &'a S) -> Self {
        Self { signal, options: Cow::Borrowed(&PLAIN) }
    }
}
