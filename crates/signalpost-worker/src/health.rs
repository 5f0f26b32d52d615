//! How a worker is, for probes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The worker's loop turns at least once a second; a turn that has not come for this long does not come.
const TURNS_WITHIN: Duration = Duration::from_secs(15);

/// How a worker is: see [`Worker::health`](crate::Worker::health). Clones tell of the same one; by default it is that of
/// a worker which has not begun.
///
/// ```
/// # use signalpost_worker::Health;
/// /// What a probe is answered: Kubernetes' liveness and readiness, for instance.
/// fn status_code(health: &Health, is_readiness: bool) -> u16 {
///     let is_well = if is_readiness { health.is_ready() } else { health.is_live() };
///     if is_well { 200 } else { 503 }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Health(Arc<Mutex<Seen>>);

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkerState {
    /// It has not registered with its store yet.
    Starting,
    /// It claims tasks and runs them.
    Working,
    /// It could not renew its lease in time, so it neither claims nor begins anything until it has.
    CutOff,
    /// It was told to stop, and waits for what runs.
    Stopping,
    /// It has ended.
    Stopped,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    state: WorkerState,
    turned_at: Instant,
    trusted_until: Instant,
    running: usize,
    in_hand: usize,
    store_answers: bool,
}

impl Default for Health {
    fn default() -> Self {
        let state = WorkerState::Starting;
        let now = Instant::now();
        let store_answers = true;
        Self(Arc::new(Mutex::new(Seen {
            state,
            turned_at: now,
            trusted_until: now,
            running: 0,
            in_hand: 0,
            store_answers,
        })))
    }
}

impl Health {
    pub(crate) fn turn(&self, state: WorkerState, running: usize, in_hand: usize, trusted_until: Instant) {
        let mut seen = self.seen();
        *seen = Seen { state, turned_at: Instant::now(), trusted_until, running, in_hand, ..*seen };
    }

    pub(crate) fn hear_of_store(&self, answers: bool) {
        self.seen().store_answers = answers;
    }

    pub(crate) fn end(&self) {
        let mut seen = self.seen();
        (seen.state, seen.running, seen.in_hand) = (WorkerState::Stopped, 0, 0);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is doing.
    pub fn state(&self) -> WorkerState {
        self.seen().state
    }

    /// True while the worker's loop turns: it has not ended, and is not held up by something that blocks its runtime.
    /// False: the loop has not turned for 15 s, or it has ended; restart it. A store that cannot be reached does not make
    /// it false.
    pub fn is_live(&self) -> bool {
        let seen = *self.seen();
        match seen.state {
            WorkerState::Stopped => false,
            WorkerState::Starting => true,
            _ => seen.turned_at + TURNS_WITHIN > Instant::now(),
        }
    }

    /// True while it works: it is live, has a lease that it can trust, and was not told to stop.
    pub fn is_ready(&self) -> bool {
        let seen = *self.seen();
        // Asked now: the loop itself may be held up.
        seen.state == WorkerState::Working && Instant::now() < seen.trusted_until && self.is_live()
    }

    /// False: the store failed when the worker looked last for what the dead have left, which it does once a
    /// [`sweep`](crate::WorkerOptions::sweep). A worker outlives that, and is ready for as long as it can trust its lease.
    pub fn store_answers(&self) -> bool {
        self.seen().store_answers
    }

    /// How many receivers run.
    pub fn running(&self) -> usize {
        self.seen().running
    }

    /// How many tasks it holds: those that run, those that it has claimed ahead, and those whose end the store has not
    /// confirmed yet.
    pub fn in_hand(&self) -> usize {
        self.seen().in_hand
    }
}
