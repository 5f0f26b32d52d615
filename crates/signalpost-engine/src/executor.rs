//! How a worker knows the children: one executor for each store, all of them over one pool.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use signalpost_store::{Outcome, PublishedReceiver, Task};
use signalpost_worker::{ClaimedTask, Executor, Failure, Known, ReceiverPolicy, Run};
use tokio::sync::oneshot;

use crate::pool::{Message, PoolHandle};
use crate::task_body;

/// Has the tasks of one store run by children.
///
/// It takes every task for known: only a child can look its names up.
pub(crate) struct ChildExecutor {
    pub(crate) pool: PoolHandle,
    /// Which one, by its place among the settings.
    pub(crate) store: usize,
}

impl Executor for ChildExecutor {
    fn look_up(&self, _: &Task) -> Known {
        // How often a receiver may fail the child knows, and says with its result.
        Known::As(ReceiverPolicy { max_attempts: u32::MAX, ..ReceiverPolicy::default() })
    }

    fn run(&self, claimed: ClaimedTask) -> Run {
        if let Some(problem) = task_body::problem(&claimed.task) {
            return Run::asynchronous(async move { Err(Failure::permanent(problem)) });
        }
        let shared = &self.pool.shared;
        let run = shared.next_run.fetch_add(1, SeqCst);
        let (reply, answer) = oneshot::channel();
        shared.in_pool[self.store].fetch_add(1, SeqCst);
        let held = Held { pool: self.pool.clone(), store: self.store, run, has_ended: false };
        self.pool.send(Message::Run { run, store: self.store, task: claimed.task, reply });
        Run::asynchronous(async move {
            let mut held = held;
            let report = answer.await;
            held.has_ended = true;
            // The pool has ended, and all children with it.
            report.unwrap_or_else(|_| Err(Failure::given_back()))
        })
    }

    fn receivers(&self) -> Vec<PublishedReceiver> {
        self.pool.state.borrow().receivers()
    }

    fn capacity(&self) -> usize {
        self.pool.shared.capacity(self.store)
    }

    fn finished(&self, task: &Task, outcome: &Outcome) {
        if self.pool.shared.wants_finished.load(SeqCst) {
            let (task, outcome) = (Arc::new(task.clone()), outcome.clone());
            self.pool.send(Message::Finished { store: self.store, task, outcome });
        }
    }
}

/// A run that the pool was given. Dropped before its end, it is taken back.
struct Held {
    pool: PoolHandle,
    store: usize,
    run: u64,
    has_ended: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.pool.shared.release(self.store);
        if !self.has_ended {
            self.pool.send(Message::Abandoned(self.run));
        }
    }
}
