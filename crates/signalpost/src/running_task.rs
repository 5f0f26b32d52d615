//! The task in whose receiver the code runs.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use signalpost_store::{Store, Task, TaskId};

use crate::{Headers, chain, headers};

/// What a background receiver can know of its own task: see [`running_task`], or
/// [`Event::context`](signalpost_dispatch::Event::context).
#[derive(Clone)]
#[non_exhaustive]
pub struct RunningTask {
    /// The task's number; 0 when the receiver runs inline because no store is installed.
    pub id: TaskId,
    /// The send that it belongs to. As text, because a row put in by hand may hold anything.
    pub send_id: String,
    /// The name of the receiver; `*` where a background signal's receivers run together.
    pub receiver: String,
    /// Which claim of the task this is, from 1.
    pub attempt: u32,
    /// How many of the claims before ended with the death of their runner.
    pub deaths: u32,
    /// How many sends lie between this one and the first.
    pub depth: u32,
    /// The task in whose receiver it was sent.
    pub parent: Option<TaskId>,
    /// What travelled beside the payload. What is sent from the receiver carries it on.
    pub headers: Headers,
    /// The signals that led here, as what is sent from the receiver carries them on.
    pub(crate) chain: String,
    pub(crate) store: Option<Arc<dyn Store>>,
}

impl RunningTask {
    pub(crate) fn of(task: &Task, store: Option<Arc<dyn Store>>) -> Self {
        let carried = |header| task.headers.as_ref()?.get(header).map(String::as_str);
        Self {
            id: task.id,
            send_id: task.send_id.clone(),
            receiver: task.receiver.clone(),
            attempt: task.attempt,
            deaths: task.deaths,
            depth: task.depth,
            parent: task.parent,
            chain: chain::after(carried(chain::HEADER), &task.signal),
            headers: headers::of_users(task.headers.clone().unwrap_or_default()),
            store,
        }
    }
}

impl fmt::Debug for RunningTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningTask")
            .field("id", &self.id)
            .field("receiver", &self.receiver)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

tokio::task_local! {
    static RUNNING: Arc<RunningTask>;
}

/// The task in whose receiver this code runs; `None` elsewhere. What is sent from there has it as its parent.
///
/// What the receiver spawns onto the runtime or onto other threads is elsewhere.
pub fn running_task() -> Option<Arc<RunningTask>> {
    RUNNING.try_with(Arc::clone).ok()
}

pub(crate) fn scope<F: Future>(task: Arc<RunningTask>, run: F) -> impl Future<Output = F::Output> {
    RUNNING.scope(task, run)
}

pub(crate) fn scope_blocking<T>(task: Arc<RunningTask>, run: impl FnOnce() -> T) -> T {
    RUNNING.sync_scope(task, run)
}
