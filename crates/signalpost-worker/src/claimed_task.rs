//! A claimed task, as a run knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use signalpost_store::{Task, WorkerId};
use tokio_util::sync::CancellationToken;

/// A claimed task, as an [`Executor`](crate::Executor) is given it to run. Clones are of the same run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClaimedTask {
    /// The task.
    pub task: Arc<Task>,
    /// Who holds it: with the task's number and fence it guards the claim.
    pub worker: WorkerId,
    /// Fires when the run should wrap up: its time is over, its worker begins to stop or is dropped, or the lease is
    /// lost. Blocking code, which nobody can stop, can ask [`is_cancelled`](CancellationToken::is_cancelled).
    pub cancellation: CancellationToken,
    /// Whether a success goes to the history: what a run that records its own must mind, as in
    /// [`Finish::keeps_success`](signalpost_store::Finish::keeps_success).
    pub keeps_success: bool,
    completed: Arc<AtomicBool>,
}

impl ClaimedTask {
    /// A claim of `worker`'s that nobody cancels, and whose success is kept.
    pub fn new(task: Arc<Task>, worker: WorkerId) -> Self {
        Self { task, worker, cancellation: CancellationToken::new(), keeps_success: true, completed: Arc::default() }
    }

    /// Says that the run has itself recorded the task's success, by [`Store::completion`] in a transaction that has
    /// committed. Whatever becomes of the run after that, the worker reports nothing for it.
    ///
    /// [`Store::completion`]: signalpost_store::Store::completion
    pub fn set_completed(&self) {
        self.completed.store(true, SeqCst);
    }

    /// Whether the run has recorded the task's success.
    pub fn is_completed(&self) -> bool {
        self.completed.load(SeqCst)
    }
}

/// What cancels the runs of a worker together. When it is dropped it does.
#[derive(Debug, Default)]
pub(crate) struct Cancels(CancellationToken);

impl Cancels {
    pub(crate) fn token(&self) -> CancellationToken {
        self.0.child_token()
    }

    pub(crate) fn cancel(&self) {
        self.0.cancel();
    }
}

impl Drop for Cancels {
    fn drop(&mut self) {
        self.cancel();
    }
}
