//! How a worker works.

use std::time::Duration;

use signalpost_store::DEFAULT_QUEUE;

use crate::{Queue, WorkerError};

/// Ten years.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The settings of a [`Worker`](crate::Worker).
///
/// ```
/// use signalpost_worker::WorkerOptions;
///
/// let options = WorkerOptions { queues: vec!["mail".into()], concurrency: 8, ..WorkerOptions::default() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerOptions {
    /// The queues to serve; those of equal weight get equal parts. Default: `default`. A queue that no worker serves
    /// keeps its tasks waiting for ever.
    pub queues: Vec<Queue>,
    /// How many receivers run at once, of all queues together. Default: 32. Blocking receivers need a thread each, of which the runtime has
    /// 512 unless it was built with more.
    pub concurrency: usize,
    /// How long the store believes in this worker without hearing from it. Default: 30 s. It is renewed every third
    /// of it. Shorter: a frozen worker's tasks are taken up sooner, and a worker that was merely slow to reach the
    /// store runs more of them twice. Where a death can be seen it is taken up at once, whatever the lease.
    pub lease: Duration,
    /// How often to look for workers that have died. Default: 500 ms.
    pub sweep: Duration,
    /// How long a clean stop waits for the receivers that run. Default: 30 s. What is left then is dropped and given
    /// back; blocking code is left to itself, and its task taken up by another worker.
    pub grace: Duration,
    /// How long a task whose receiver nobody knows waits for a worker that does, from when that was first noticed.
    /// Default: one hour, for rolling deploys. Then it is dead.
    pub unknown_grace: Duration,
    /// How many deaths a task may suffer while it runs alone before it is dead. Default: 3. At least 1.
    pub max_deaths_alone: u32,
    /// How long successes, and tasks that were cancelled, expired or merged, stay in the history, where their queue does
    /// not say otherwise. Default: a day. A worker prunes the queues that it does not serve by this too.
    pub keep_ended: Duration,
    /// How long dead tasks stay in the history, with their payload, where their queue does not say otherwise. Default:
    /// 30 days.
    pub keep_dead: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            queues: vec![Queue::new(DEFAULT_QUEUE)],
            concurrency: 32,
            lease: Duration::from_secs(30),
            sweep: Duration::from_millis(500),
            grace: Duration::from_secs(30),
            unknown_grace: Duration::from_secs(3600),
            max_deaths_alone: 3,
            keep_ended: Duration::from_secs(24 * 3600),
            keep_dead: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

impl WorkerOptions {
    pub(crate) fn check(&self) -> Result<(), WorkerError> {
        let problem = if self.queues.is_empty() {
            "no queue to serve: name at least one, `default` for instance".to_owned()
        } else if let Some(problem) = self.queues.iter().find_map(Queue::problem) {
            problem
        } else if let Some(twice) = (1..self.queues.len()).find(|at| self.is_named_before(*at)) {
            format!("queue `{}` is given twice: once is enough", self.queues[twice].name)
        } else if self.concurrency == 0 {
            "a concurrency of 0 would never run anything: give at least 1".to_owned()
        } else if self.lease < Duration::from_millis(300) {
            format!("a lease of {:?} cannot be renewed in time: give at least 300 ms, better seconds", self.lease)
        } else if self.sweep.is_zero() {
            "a sweep of zero would never rest: give milliseconds at least".to_owned()
        } else if [self.lease, self.sweep, self.grace].iter().any(|duration| *duration > LONGEST) {
            format!("a lease, a sweep or a grace of more than {LONGEST:?} is longer than any machine runs: give less")
        } else if self.max_deaths_alone == 0 {
            "max_deaths_alone of 0 would condemn a task for a death that it may not have caused: give at least 1"
                .to_owned()
        } else {
            return Ok(());
        };
        Err(WorkerError::Options(problem))
    }

    pub(crate) fn forgets_successes_of(&self, queue: &str) -> bool {
        self.queues.iter().any(|served| served.name == queue && !served.keeps_successes)
    }

    fn is_named_before(&self, at: usize) -> bool {
        self.queues[..at].iter().any(|queue| queue.name == self.queues[at].name)
    }
}
