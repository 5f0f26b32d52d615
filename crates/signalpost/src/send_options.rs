//! What may be said of one send.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use signalpost_dispatch::SendError;
use signalpost_store::{NewTask, SendId};

use crate::Headers;

/// What may be said of one send, with [`Signal::with`](crate::Signal::with) and
/// [`AsyncSignal::with`](crate::AsyncSignal::with).
///
/// It concerns the tasks and nothing else: inline receivers run now, whatever it says. Where no store is installed
/// there are no tasks, and background receivers run at once too.
///
/// ```
/// use signalpost::{BoxError, SendOptions, Sender, Signal};
/// use std::time::Duration;
///
/// static CART_LEFT: Signal<u32> = Signal::new("doc.cart_left");
///
/// # async fn leave() -> Result<(), BoxError> {
/// let tomorrow = SendOptions::new().delay(Duration::from_secs(24 * 3600)).priority(-10);
/// CART_LEFT.with(tomorrow).asend(Sender::NONE, &7).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SendOptions {
    delay: Duration,
    run_at: Option<i64>,
    expires_in: Option<Duration>,
    pub(crate) send_id: Option<SendId>,
    pub(crate) priority: Option<i16>,
    pub(crate) headers: Headers,
}

/// What a send says of itself if nothing is said.
pub(crate) static PLAIN: SendOptions = SendOptions::new();

impl Default for SendOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SendOptions {
    /// Nothing in particular: a send as without them.
    pub const fn new() -> Self {
        Self {
            delay: Duration::ZERO,
            run_at: None,
            expires_in: None,
            send_id: None,
            priority: None,
            headers: Headers::new(),
        }
    }

    /// The tasks become due this long after the send. Default: at once. With [`SendOptions::run_at`] the later time
    /// counts.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The tasks become due at this time, by the store's clock; a time that is over means at once. Default: at once.
    /// With [`SendOptions::delay`] the later time counts.
    #[must_use]
    pub fn run_at(mut self, time: SystemTime) -> Self {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.run_at = Some(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX));
        self
    }

    /// A task that nobody has started this long after the send (not after it became due) ends *expired*. Default:
    /// never. Shorter than the delay, it keeps every task from running.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = Some(time);
        self
    }

    /// The send's id, of the caller's choice: sent again under it, the same signal writes no second task for the same
    /// receiver while the first one is live or in the history. The answer is the same as the first time.
    ///
    /// So a send can be repeated when nobody knows whether it was made. Inline receivers run each time: they are not
    /// part of the promise. Nor is what the history has forgotten: successes are kept for a day, if the worker is not
    /// told otherwise ([`Worker::keep_ended`](crate::Worker::keep_ended)). `send_many` refuses it. The names of signal and receiver are part of
    /// the identity as they stand in the row: a receiver that was renamed in between gets a task under its new name.
    /// Default: a new id for each send.
    ///
    /// ```
    /// use signalpost::{BoxError, SendId, SendOptions, Sender, Signal};
    ///
    /// static ORDER_PAID: Signal<u32> = Signal::new("doc.options.order_paid");
    ///
    /// /// `paid` was made with the order and is kept with it.
    /// async fn paid_again(number: u32, paid: SendId) -> Result<(), BoxError> {
    ///     ORDER_PAID.with(SendOptions::new().send_id(paid)).asend(Sender::NONE, &number).await?;
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn send_id(mut self, id: SendId) -> Self {
        self.send_id = Some(id);
        self
    }

    /// The priority of the tasks within their queues, from -100 to 100, higher first. Default: each receiver's own, and 0
    /// for an `AsyncSignal`.
    #[must_use]
    pub fn priority(mut self, priority: i16) -> Self {
        self.priority = Some(priority);
        self
    }

    /// A header, which travels beside the payload: see [`Headers`] for what is allowed. A second one of the same name takes
    /// the first one's place. Default: what the send carries anyway.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Whether several sends can share these options.
    pub(crate) fn check_many(&self) -> Result<(), SendError> {
        let Some(send_id) = self.send_id else { return Ok(()) };
        Err(SendError::sending(format!(
            "send_many makes a send of each payload, and the options give one id, {send_id}, for all\n  hint: send each \
             payload by itself, with an id of its own"
        )))
    }

    /// Writes what is said here into what all rows of the send have in common.
    pub(crate) fn apply(&self, task: &mut NewTask) {
        task.delay = self.delay;
        task.run_at = self.run_at;
        task.expires_in = self.expires_in;
        if let Some(send_id) = self.send_id {
            task.send_id = send_id;
            task.once = true;
        }
        if let Some(priority) = self.priority {
            task.priority = priority;
        }
    }
}
