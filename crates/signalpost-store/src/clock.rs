//! What time it is in the store.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The store's clock. Everything that is due, leased or kept is judged by it.
///
/// Only stores whose clock is this machine's take one (SQLite). A test passes a [`ManualClock`].
pub trait Clock: Send + Sync + Debug + 'static {
    /// Milliseconds since 1970.
    fn now(&self) -> i64;
}

/// The wall clock of this machine, which is also the one that SQLite reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A clock that moves when it is told to.
///
/// ```
/// use signalpost_store::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new(1_000);
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now(), 3_000);
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`, in milliseconds since 1970.
    pub fn new(now: i64) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(millis(by), SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> i64 {
        self.0.load(SeqCst)
    }
}

/// A duration in the store's unit.
pub(crate) fn millis(duration: Duration) -> i64 {
    // Some hundred million years: added to any time it still fits.
    const MOST: i64 = i64::MAX / 4;
    i64::try_from(duration.as_millis()).map_or(MOST, |millis| millis.min(MOST))
}
