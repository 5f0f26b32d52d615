//! One run of one receiver: its timeout, its panics, its place among the concurrent ones.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use signalpost_store::Task;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

use crate::executor::{Failure, Kind, Report, Run};
use crate::happening::Happening;

/// A place among the concurrent runs. It is free again when this is dropped, however the run ended.
pub(crate) struct Slot {
    pub(crate) task: Arc<Task>,
    pub(crate) happenings: UnboundedSender<Happening>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The driver is gone when the worker has ended; nobody counts any more.
        let _ = self.happenings.send(Happening::SlotFree(self.task.clone()));
    }
}

/// Aborts a task of the runtime when it is dropped.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is held for as long as any code of a run goes on: its [`Slot`].
type Place = Arc<dyn Any + Send + Sync>;

tokio::task_local! {
    static PLACE: Place;
}

/// The place of the run that this is called in, for what it runs inside.
pub(crate) fn place() -> Place {
    PLACE.try_with(Place::clone).unwrap_or_else(|_| Arc::new(()))
}

/// Starts the run. `ends` is told its report, unless it is aborted; `place` is let go of when no code of the run goes on
/// any more, and after the report.
///
/// What is returned aborts the run. `None`: it cannot be aborted, because it is blocking code.
pub(crate) fn start(
    run: Run,
    timeout: Option<Duration>,
    place: Place,
    ends: impl FnOnce(Report) + Send + 'static,
) -> Option<AbortHandle> {
    match run.0 {
        Kind::Async(future) => {
            let inside = PLACE.scope(place.clone(), AssertUnwindSafe(future).catch_unwind());
            let running = tokio::spawn(async move {
                let report = within(timeout, inside).await;
                ends(flatten(report));
                drop(place);
            });
            Some(running.abort_handle())
        }
        Kind::Blocking(function) => {
            let blocking = tokio::task::spawn_blocking(move || {
                // The place goes where the code is: code that cannot be stopped keeps it.
                (PLACE.sync_scope(place.clone(), || catch_unwind(AssertUnwindSafe(function))), place)
            });
            tokio::spawn(async move {
                // Code that has not begun when its time is over never begins.
                let _not_begun = AbortOnDrop(blocking.abort_handle());
                let mut kept = None;
                let ended = async {
                    match blocking.await {
                        Ok((report, place)) => {
                            kept = Some(place);
                            report
                        }
                        Err(error) => Ok(Err(Failure::new(error.to_string()))),
                    }
                };
                let report = within(timeout, ended).await;
                ends(flatten(report));
                drop(kept);
            });
            None
        }
    }
}

/// Runs to the end on the polling thread.
pub(crate) async fn here(run: Run) -> Report {
    flatten(match run.0 {
        Kind::Async(future) => AssertUnwindSafe(future).catch_unwind().await,
        Kind::Blocking(function) => catch_unwind(AssertUnwindSafe(function)),
    })
}

type Caught = std::thread::Result<Report>;

async fn within(timeout: Option<Duration>, run: impl Future<Output = Caught>) -> Caught {
    match timeout {
        None => run.await,
        Some(timeout) => tokio::time::timeout(timeout, run)
            .await
            .unwrap_or_else(|_| Ok(Err(Failure::new(format!("timed out after {timeout:?}"))))),
    }
}

fn flatten(report: Caught) -> Report {
    report.unwrap_or_else(panicked)
}

/// The failure that a panic is.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Report {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&'static str>().copied())
        .unwrap_or("a panic with a payload that is not text");
    Err(Failure::new(format!("panicked: {message}")))
}
