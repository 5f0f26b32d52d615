//! How many runs may begin within a time.

use std::time::Duration;

use crate::options::LONGEST;

/// At most so many runs begin within any stretch of this length.
///
/// Each worker counts for itself: with three workers give each a third of what the other side allows.
///
/// ```
/// use signalpost_worker::Rate;
/// use std::time::Duration;
///
/// assert_eq!(Rate::per_second(10), Rate::new(10, Duration::from_secs(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub(crate) runs: u32,
    pub(crate) within: Duration,
}

impl Rate {
    /// At most `runs` within any stretch of `within`. Zero runs are refused where the rate is used.
    pub const fn new(runs: u32, within: Duration) -> Self {
        Self { runs, within }
    }

    /// At most `runs` within any second.
    pub const fn per_second(runs: u32) -> Self {
        Self::new(runs, Duration::from_secs(1))
    }

    /// At most `runs` within any minute. They may all begin in its first moment.
    pub const fn per_minute(runs: u32) -> Self {
        Self::new(runs, Duration::from_secs(60))
    }

    /// What is wrong with it, if anything is.
    pub fn problem(&self) -> Option<&'static str> {
        match () {
            () if self.runs == 0 => Some("a rate of 0 would never run anything: give at least 1"),
            () if self.runs > 100_000 => Some("a rate of more than 100,000 is counted too dearly: give a shorter time"),
            () if self.within > LONGEST => {
                Some("a rate within more than ten years is longer than any machine runs: give less")
            }
            () if self.within.is_zero() => Some("a rate within no time limits nothing: give a time"),
            () => None,
        }
    }
}
