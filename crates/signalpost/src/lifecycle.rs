//! Signals that signalpost itself sends, and two that are ready to be sent.

use serde::{Deserialize, Serialize};
use signalpost_store::{NewTask, Outcome, SendId, Task, TaskId};

use crate::{AsyncSignal, Signal};

/// Sent in the sender's process for each task that was written: before the commit, where it was written on a
/// connection of the sender's. A send under an id of the caller's own tells of its tasks each time, of those too that
/// were there already.
///
/// Its receivers, and those of [`TASK_STARTED`] and [`TASK_FINISHED`], run inline. They are sent robustly: an error is
/// logged and changes nothing. In the worker they hold up everything else while they run.
pub static TASK_ENQUEUED: Signal<TaskEnqueued> = Signal::new("signalpost.task_enqueued");

/// Sent in the worker's process when a receiver is about to run.
pub static TASK_STARTED: Signal<TaskStarted> = Signal::new("signalpost.task_started");

/// Sent in the worker's process when the store has recorded what became of a run.
///
/// A run whose worker died has nobody to report it: a task that is dead because it killed its workers is not told of
/// here, but logged by the worker that found it, as an ERROR `dead`. Nor are tasks that were cancelled or have expired.
pub static TASK_FINISHED: Signal<TaskFinished> = Signal::new("signalpost.task_finished");

/// A task was written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskEnqueued {
    /// The send that it belongs to.
    pub send_id: SendId,
    /// The name of the signal that was sent.
    pub signal: String,
    /// The name of the receiver; `*` for a background signal's whole send.
    pub receiver: String,
    /// The queue.
    pub queue: String,
}

/// A receiver is about to run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskStarted {
    /// The task.
    pub task: TaskId,
    /// The name of its signal.
    pub signal: String,
    /// The name of its receiver.
    pub receiver: String,
    /// Which claim of the task this is, from 1.
    pub attempt: u32,
}

/// A run has ended, and the store has recorded it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskFinished {
    /// The task.
    pub task: TaskId,
    /// The name of its signal.
    pub signal: String,
    /// The name of its receiver.
    pub receiver: String,
    /// Which claim of the task this was, from 1.
    pub attempt: u32,
    /// What became of it.
    pub outcome: Outcome,
}

/// A request was begun. Sent by whoever serves it, with [`AsyncSignal::send`].
pub static REQUEST_STARTED: AsyncSignal<RequestStarted> = AsyncSignal::new("signalpost.request_started");

/// A request was answered. Sent by whoever has served it, with [`AsyncSignal::send`].
pub static REQUEST_FINISHED: AsyncSignal<RequestFinished> = AsyncSignal::new("signalpost.request_finished");

/// The beginning of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestStarted {
    /// The host that was asked.
    pub host: String,
    /// The path that was asked for.
    pub path: String,
}

/// The end of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFinished {
    /// The path that was asked for.
    pub path: String,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// What is to be told of these tasks when they have been written; nothing if nobody listens.
pub(crate) fn enqueued(tasks: &[NewTask]) -> Vec<TaskEnqueued> {
    if !TASK_ENQUEUED.is_heard() {
        return Vec::new();
    }
    let enqueued = |task: &NewTask| TaskEnqueued {
        send_id: task.send_id,
        signal: task.signal.clone(),
        receiver: task.receiver.clone(),
        queue: task.queue.clone(),
    };
    tasks.iter().map(enqueued).collect()
}

pub(crate) fn tell_enqueued(enqueued: Vec<TaskEnqueued>) {
    for enqueued in enqueued {
        TASK_ENQUEUED.tell(|| enqueued);
    }
}

pub(crate) fn started(task: &Task) {
    TASK_STARTED.tell(|| TaskStarted {
        task: task.id,
        signal: task.signal.clone(),
        receiver: task.receiver.clone(),
        attempt: task.attempt,
    });
}

pub(crate) fn finished(task: &Task, outcome: &Outcome) {
    TASK_FINISHED.tell(|| TaskFinished {
        task: task.id,
        signal: task.signal.clone(),
        receiver: task.receiver.clone(),
        attempt: task.attempt,
        outcome: outcome.clone(),
    });
}
