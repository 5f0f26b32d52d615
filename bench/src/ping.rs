//! The signal that is sent, and its receiver, which notes that it ran and does nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use signalpost::{Data, Event, Signal, receiver};

pub(crate) static PING: Signal<Ping> = Signal::new("bench.ping");
pub(crate) const RECEIVER: &str = "bench.note_run";

#[derive(Serialize, Deserialize)]
pub(crate) struct Ping {
    /// Which one it is, from 1.
    pub(crate) number: usize,
}

#[receiver(PING, background, name = RECEIVER)]
async fn note_run(event: Event<'_, Ping>, runs: Data<Arc<Runs>>) {
    runs.note(event.payload.number);
}

/// When each receiver ran.
pub(crate) struct Runs {
    /// By number; 0 is never.
    times: Box<[AtomicU64]>,
    count: AtomicUsize,
}

impl Runs {
    /// None of this many.
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { times: (0..=count).map(|_| AtomicU64::new(0)).collect(), count: AtomicUsize::new(0) })
    }

    pub(crate) fn note(&self, number: usize) {
        if let Some(time) = self.times.get(number)
            && time.swap(nanos(), Relaxed) == 0
        {
            self.count.fetch_add(1, Relaxed);
        }
    }

    /// When the receiver of this one ran, in [`nanos`].
    pub(crate) fn time(&self, number: usize) -> Option<u64> {
        self.times.get(number).map(|time| time.load(Relaxed)).filter(|time| *time > 0)
    }

    /// How many have run.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Relaxed)
    }
}

/// Nanoseconds by a clock that all processes share.
pub(crate) fn nanos() -> u64 {
    clock_nanos(ClockId::Monotonic)
}

/// What the threads of this process have used, in nanoseconds.
pub(crate) fn cpu_nanos() -> u64 {
    clock_nanos(ClockId::ProcessCPUTime)
}

fn clock_nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
