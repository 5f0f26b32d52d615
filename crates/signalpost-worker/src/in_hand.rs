//! What the worker holds: the tasks it has claimed and whose finish the store has not yet answered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use signalpost_store::{Task, TaskId};
use tokio::task::AbortHandle;

use crate::ReceiverPolicy;

/// One claim of one task. A task can come again while an old run of it is still under way; its fence differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hold {
    pub(crate) task: TaskId,
    pub(crate) fence: i64,
}

impl Hold {
    pub(crate) fn of(task: &Task) -> Self {
        Self { task: task.id, fence: task.fence }
    }
}

#[derive(Debug)]
enum Stage {
    /// Claimed, to be started.
    Queued,
    Running {
        /// Blocking code has none.
        abort: Option<AbortHandle>,
        policy: ReceiverPolicy,
        aborted: bool,
    },
    /// Its outcome is on the way to the store.
    Reported,
}

#[derive(Debug, Default)]
pub(crate) struct InHand {
    tasks: HashMap<Hold, (Arc<Task>, Stage)>,
    queue: VecDeque<Hold>,
    running: usize,
}

impl InHand {
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Queued or running: without those whose end is on its way to the store.
    pub(crate) fn unfinished(&self) -> usize {
        self.queue.len() + self.running
    }

    pub(crate) fn holds_a_suspect(&self) -> bool {
        // A suspect is held alone.
        self.tasks.len() == 1 && self.tasks.values().all(|(task, _)| task.is_suspect())
    }

    pub(crate) fn claims(&self) -> Vec<(TaskId, i64)> {
        self.tasks.keys().map(|hold| (hold.task, hold.fence)).collect()
    }

    pub(crate) fn add(&mut self, task: Task) {
        let hold = Hold::of(&task);
        self.tasks.insert(hold, (Arc::new(task), Stage::Queued));
        self.queue.push_back(hold);
    }

    pub(crate) fn next_queued(&mut self) -> Option<Arc<Task>> {
        let hold = self.queue.pop_front()?;
        self.tasks.get(&hold).map(|(task, _)| task.clone())
    }

    pub(crate) fn set_running(&mut self, hold: Hold, abort: Option<AbortHandle>, policy: ReceiverPolicy) {
        if let Some((_, stage)) = self.tasks.get_mut(&hold) {
            *stage = Stage::Running { abort, policy, aborted: false };
            self.running += 1;
        }
    }

    /// The run has told its end. `None`: this claim is not held any more, or its outcome is settled.
    pub(crate) fn end_run(&mut self, hold: Hold) -> Option<(Arc<Task>, ReceiverPolicy)> {
        let (task, stage) = self.tasks.get_mut(&hold)?;
        let Stage::Running { policy, .. } = *stage else { return None };
        *stage = Stage::Reported;
        self.running -= 1;
        Some((task.clone(), policy))
    }

    /// The run's place is free. If it has told no end, it was aborted (`true`), or has broken in a way of its own.
    pub(crate) fn end_without_report(&mut self, hold: Hold) -> Option<(Arc<Task>, ReceiverPolicy, bool)> {
        let Some((_, Stage::Running { aborted, .. })) = self.tasks.get(&hold) else { return None };
        let aborted = *aborted;
        self.end_run(hold).map(|(task, policy)| (task, policy, aborted))
    }

    /// Settles a claim that is not running.
    pub(crate) fn set_reported(&mut self, hold: Hold) {
        if let Some((_, stage)) = self.tasks.get_mut(&hold) {
            *stage = Stage::Reported;
        }
    }

    /// The store has answered for this claim.
    pub(crate) fn remove(&mut self, hold: Hold) -> Option<Arc<Task>> {
        self.tasks.remove(&hold).map(|(task, _)| task)
    }

    /// Takes the claims that have not been started.
    pub(crate) fn take_queued(&mut self) -> Vec<Hold> {
        self.queue.drain(..).collect()
    }

    /// Aborts the runs under way. Each frees its place when it has stopped. Blocking code goes on, and may still end.
    pub(crate) fn abort_running(&mut self) {
        for (_, stage) in self.tasks.values_mut() {
            if let Stage::Running { abort: Some(abort), aborted, .. } = stage {
                abort.abort();
                *aborted = true;
            }
        }
    }

    /// The claims whose code goes on.
    pub(crate) fn running_claims(&self) -> Vec<(TaskId, i64)> {
        let running = self.tasks.iter().filter(|(_, (_, stage))| matches!(stage, Stage::Running { .. }));
        running.map(|(hold, _)| (hold.task, hold.fence)).collect()
    }

    /// Lets go of everything that has no outcome yet. Runs under way are aborted; those that cannot be stopped go on,
    /// and their end is not listened to.
    pub(crate) fn forget_unfinished(&mut self) {
        self.abort_running();
        self.tasks.retain(|_, (_, stage)| matches!(stage, Stage::Reported));
        self.queue.clear();
        self.running = 0;
    }
}

impl Drop for InHand {
    /// A worker that is dropped in the middle of its work is as good as dead: so are its runs.
    fn drop(&mut self) {
        self.abort_running();
    }
}
