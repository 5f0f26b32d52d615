//! What the worker holds: the tasks it has claimed and whose finish the store has not yet answered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use signalpost_store::{Task, TaskId};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::ReceiverPolicy;
use crate::gates::Gates;

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

/// A task that was claimed and waits for its turn in this worker.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) task: Arc<Task>,
    pub(crate) policy: ReceiverPolicy,
    claimed_at: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct InHand {
    tasks: HashMap<Hold, (Arc<Task>, Stage)>,
    // In order of their claim.
    queue: VecDeque<Queued>,
    running: usize,
}

impl InHand {
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many runs are under way that count: without those whose end is not listened to any more.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// When the task was claimed that has waited longest for its turn.
    pub(crate) fn oldest_queued(&self) -> Option<Instant> {
        self.queue.front().map(|queued| queued.claimed_at)
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

    pub(crate) fn add(&mut self, task: Arc<Task>, policy: ReceiverPolicy, claimed_at: Instant) {
        self.tasks.insert(Hold::of(&task), (task.clone(), Stage::Queued));
        self.queue.push_back(Queued { task, policy, claimed_at });
    }

    /// A claim that will not run: its outcome is on the way.
    pub(crate) fn add_reported(&mut self, task: Arc<Task>) {
        self.tasks.insert(Hold::of(&task), (task, Stage::Reported));
    }

    /// The first one that may begin.
    pub(crate) fn next_queued(&mut self, gates: &Gates, now: Instant) -> Option<Queued> {
        if gates.none() {
            return self.queue.pop_front();
        }
        let open = self.queue.iter().position(|queued| gates.is_open(&queued.task, now))?;
        self.queue.remove(open)
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

    /// Takes what was claimed until then and has not been started.
    pub(crate) fn take_queued(&mut self, until: Instant) -> Vec<Arc<Task>> {
        let taken = self.queue.partition_point(|queued| queued.claimed_at <= until);
        self.queue.drain(..taken).map(|queued| queued.task).collect()
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
