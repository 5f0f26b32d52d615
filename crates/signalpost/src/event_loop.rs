//! A guard for the threads of a runtime: who holds one for too long is named.
//!
//! A synchronous receiver runs inside the send. An asynchronous send is made on a thread of a runtime, and everything else that this
//! thread drives waits for it: other requests, timers, a worker's lease. Nothing fails; everything is late, and nobody says
//! why. The guard says who it was:
//!
//! ```
//! use std::time::Duration;
//!
//! signalpost::event_loop::guard(Duration::from_millis(50));
//! ```
//!
//! It is off until it is asked for: with it every synchronous receiver of such a send costs two looks at the clock.
//! A receiver that waits for something belongs into an `async fn`, one that computes into the background.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use signalpost_dispatch::{Receiver, Watch};

/// In nanoseconds; 0: off.
static BUDGET: AtomicU64 = AtomicU64::new(0);

/// From now on a warning names every synchronous receiver that holds the thread of an asynchronous send (`asend`,
/// `asend_robust`, `send_in`) for longer than `budget` in one run. Zero turns it off.
pub fn guard(budget: Duration) {
    BUDGET.store(u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX), Relaxed);
}

/// What times the receivers of an asynchronous send, if they are to be timed.
#[inline]
pub(crate) fn watch() -> Option<Watch> {
    (BUDGET.load(Relaxed) != 0).then_some(warn_if_late)
}

fn warn_if_late(signal: &str, receiver: Receiver, took: Duration) {
    let budget = Duration::from_nanos(BUDGET.load(Relaxed));
    if took > budget {
        tracing::warn!(
            target: "signalpost::event_loop", signal, receiver = %receiver, ?took, ?budget,
            "a synchronous receiver has held a thread of the runtime"
        );
    }
}
