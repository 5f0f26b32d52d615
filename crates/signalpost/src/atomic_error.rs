//! Why an atomic receiver's transaction could not begin.

use std::error::Error;
use std::fmt;

use signalpost_dispatch::BoxError;

use crate::RunningTask;
use crate::outbox::explained;
use crate::registry::ALL;

/// Why [`RunningTask::begin`] gave no transaction. Nothing was written.
pub struct AtomicError {
    is_overtaken: bool,
    message: String,
    // What the client said.
    cause: Option<BoxError>,
}

impl AtomicError {
    /// True when the task is not this run's any more: its worker was frozen or cut off, and another has taken it up. Or the
    /// connection is to another database than the worker's store.
    pub fn is_overtaken(&self) -> bool {
        self.is_overtaken
    }

    fn new(message: String) -> Self {
        Self { is_overtaken: false, message, cause: None }
    }

    pub(crate) fn not_declared(task: &RunningTask) -> Self {
        let (receiver, signal) = (&task.receiver, &task.signal);
        Self::new(match &**receiver {
            ALL => format!(
                "the receivers of the background signal `{signal}` run as one task, which none of them can complete\n  hint: \
                 make it a Signal, whose background receivers have a task each"
            ),
            _ => format!(
                "receiver `{receiver}` is not declared atomic, so it cannot complete its task\n  hint: \
                 #[receiver(…, background, atomic)], or BackgroundOptions::atomic(true)"
            ),
        })
    }

    pub(crate) fn again(task: &RunningTask, is_committed: bool) -> Self {
        let id = task.id;
        Self::new(match is_committed {
            true => format!("task {id} is completed already: this run has committed its atomic transaction"),
            false => {
                format!(
                    "this run of task {id} has an atomic transaction already\n  hint: use that, or roll it back first"
                )
            }
        })
    }

    pub(crate) fn overtaken(task: &RunningTask) -> Self {
        let (id, attempt) = (task.id, task.attempt);
        let message = format!(
            "overtaken: task {id} is not held by this run (attempt {attempt}) any more, or this connection is to another \
             database than the worker's store"
        );
        Self { is_overtaken: true, ..Self::new(message) }
    }

    pub(crate) fn client(error: impl Into<BoxError>) -> Self {
        let error = explained(error.into());
        let message = error.to_string();
        Self { cause: Some(error), ..Self::new(message) }
    }
}

impl fmt::Display for AtomicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// As it is displayed: a `main` that returns the error shows this.
impl fmt::Debug for AtomicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for AtomicError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}
