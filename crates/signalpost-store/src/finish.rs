//! How a worker reports.

use std::time::Duration;

use crate::{NewTask, Task, TaskId};

/// What became of one claimed task. Valid only while the claim is: the store compares the fence.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// Which task.
    pub task: TaskId,
    /// Which claim of it.
    pub fence: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// Tasks to be written together with the outcome, if it is accepted.
    pub then: Vec<NewTask>,
    /// Whether a success goes to the history; if not, the task is forgotten. Default: it does. Whatever else becomes of
    /// a task is recorded in any case.
    pub keeps_success: bool,
}

impl Finish {
    /// A report on `task`.
    pub fn new(task: &Task, outcome: Outcome) -> Self {
        Self { task: task.id, fence: task.fence, outcome, then: Vec::new(), keeps_success: true }
    }
}

/// What became of a claimed task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its receiver ran to success: to the history.
    Succeeded {
        /// What the receiver returned, as JSON, where it keeps its results.
        result: Option<String>,
    },
    /// Given up: to the history.
    Dead {
        /// Why, for a person to read.
        reason: String,
    },
    /// Its attempt failed: it waits again. The attempt counts.
    Retry {
        /// For how long it waits.
        after: Duration,
        /// Why it failed, for a person to read.
        reason: String,
    },
    /// It was not run, or stopped through no fault of its own: it waits again, as it did. The attempt does not
    /// count.
    Released,
    /// What ran it has died in the middle of the run while this worker lives: a process of the worker's, say. As after a
    /// rescue it waits again, as it did, with one death more; the attempt counts, and is no failure.
    Died {
        /// How its runner died, for a person to read.
        reason: String,
    },
    /// This worker does not know its receiver: it waits for one that does. The attempt does not count.
    Deferred {
        /// For how long it waits.
        after: Duration,
        /// What is not known, for a person to read.
        reason: String,
    },
}

impl Outcome {
    /// True when the task is live no more.
    pub fn is_end(&self) -> bool {
        matches!(self, Outcome::Succeeded { .. } | Outcome::Dead { .. })
    }
}
