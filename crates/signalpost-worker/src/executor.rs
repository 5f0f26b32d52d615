//! What runs receivers: the seam between the worker and a language's functions.

use std::time::Duration;

use signalpost_store::{NewTask, Outcome, PublishedReceiver, Task};

use crate::{Backoff, ClaimedTask, Rate, Run};

/// Runs receivers for a worker.
///
/// The worker decides when a task runs and what becomes of it; the executor knows the functions.
pub trait Executor: Send + Sync + 'static {
    /// Whether the task's receiver is known here, and how it wants to be treated. Called for every task that is claimed.
    fn look_up(&self, task: &Task) -> Known;

    /// The run itself, not yet begun. A panic, here or in the run, is a failure of the task.
    fn run(&self, claimed: ClaimedTask) -> Run;

    /// What is registered, to be published for senders to compare. Default: nothing.
    fn receivers(&self) -> Vec<PublishedReceiver> {
        Vec::new()
    }

    /// How many runs it can have under way at present, for an executor whose room changes while it works. The worker starts no
    /// more than that, nor than its concurrency, and claims ahead by the smaller of the two. Asked at every turn of its loop;
    /// [`Worker::look_again`](crate::Worker::look_again) makes it turn. Default: no limit.
    fn capacity(&self) -> usize {
        usize::MAX
    }

    /// Told when the task's receiver is about to begin.
    fn started(&self, _task: &Task) {}

    /// Told when the store has recorded what became of a task.
    fn finished(&self, _task: &Task, _outcome: &Outcome) {}
}

/// Whether a receiver is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Yes, and this is its policy.
    As(ReceiverPolicy),
    /// Not here; the text says what is missing. During a deploy another worker may know it, so the task waits.
    Not(String),
}

/// How one receiver wants to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverPolicy {
    /// How many failures until the task is dead. Default: 10. Deaths of workers are not failures.
    pub max_attempts: u32,
    /// How long to wait between them.
    pub backoff: Backoff,
    /// How long one run may take; then it has failed. Default: for ever. An asynchronous receiver is dropped at its
    /// next await; blocking code cannot be stopped: it keeps its place among the concurrent runs until it ends, and
    /// what it returns is refused.
    pub timeout: Option<Duration>,
    /// How many of its runs go on at once, in each worker. Default: as many as the worker has room for. Of a receiver
    /// that is at its limit no more tasks are claimed; so that they do not hide the tasks of others behind them, give a
    /// receiver of which thousands may wait a queue of its own.
    pub concurrency: Option<usize>,
    /// How many of its runs begin within a time, in each worker. Default: no limit.
    pub rate: Option<Rate>,
}

impl Default for ReceiverPolicy {
    fn default() -> Self {
        Self { max_attempts: 10, backoff: Backoff::default(), timeout: None, concurrency: None, rate: None }
    }
}

/// What a successful run leaves.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Success {
    /// What the receiver returned, as JSON, if that is to be kept.
    pub result: Option<String>,
    /// Tasks to be written together with the success.
    pub then: Vec<NewTask>,
}

impl Success {
    /// A success that keeps this JSON.
    #[must_use]
    pub fn with_result(mut self, json: impl Into<String>) -> Self {
        self.result = Some(json.into());
        self
    }

    /// A success from which these tasks follow.
    #[must_use]
    pub fn followed_by(mut self, tasks: Vec<NewTask>) -> Self {
        self.then = tasks;
        self
    }
}

/// Why a run failed, and what that means for the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For a person to read.
    pub reason: String,
    /// What should happen.
    pub(crate) retry: Retry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    Backoff,
    After(Duration),
    Never,
    Unknown,
    GivenBack,
    Death,
}

impl Failure {
    /// A failure that another attempt may not meet: it is made after the receiver's backoff, while attempts are left.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: Retry::Backoff }
    }

    /// A failure that every attempt would meet: the task is dead.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: Retry::Never }
    }

    /// How long to wait before another attempt, where the receiver has said so.
    pub fn wanted_delay(&self) -> Option<Duration> {
        match self.retry {
            Retry::After(delay) => Some(delay),
            _ => None,
        }
    }

    /// No failure of the receiver's: the run could not find it, where only the run can look. The task waits for a worker that
    /// knows it, as after [`Known::Not`]; the text says what is missing.
    pub fn unknown(missing: impl Into<String>) -> Self {
        Self { reason: missing.into(), retry: Retry::Unknown }
    }

    /// No failure either: the receiver was not run, or stopped through no fault of its task's. The task waits again, as it did,
    /// and the attempt does not count.
    pub fn given_back() -> Self {
        Self { reason: "given back".to_owned(), retry: Retry::GivenBack }
    }

    /// What ran the receiver has died, perhaps of it: the task has met a death, as those of a worker that dies. After two it
    /// runs alone, and after so many more as the worker says it is dead.
    pub fn death(how: impl Into<String>) -> Self {
        Self { reason: how.into(), retry: Retry::Death }
    }

    /// A failure after which the receiver wants to be tried again in `after`, while attempts are left.
    pub fn retry_after(after: Duration, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: Retry::After(after) }
    }
}
