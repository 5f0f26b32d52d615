//! How long a failed task waits.

use std::time::Duration;

/// Exponential backoff with jitter: after the n-th failure a task waits between a half and the whole of
/// `first * 2^(n-1)`, at most `longest`.
///
/// The jitter keeps tasks that failed together (a mail server was down) from coming back together.
///
/// ```
/// use signalpost_worker::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_secs(60) };
/// assert_eq!(backoff.delay(1, 1.0), Duration::from_secs(2));
/// assert_eq!(backoff.delay(3, 0.0), Duration::from_secs(4));
/// assert_eq!(backoff.delay(30, 1.0), Duration::from_secs(60));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure. Default: 1 s.
    pub first: Duration,
    /// The longest wait of all. Default: one hour.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(3600) }
    }
}

impl Backoff {
    /// The wait after the `failures`-th failure. `chance` lies between 0 and 1 and says where in the range.
    pub fn delay(&self, failures: u32, chance: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        whole.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }

    /// The wait after the `failures`-th failure, somewhere in the range.
    pub fn jittered(&self, failures: u32) -> Duration {
        self.delay(failures, fastrand::f64())
    }
}
