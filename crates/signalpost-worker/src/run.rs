//! One run of one receiver: its timeout, its panics, its place among the concurrent ones.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

use crate::driver::Happening;
use crate::executor::{Failure, Kind, Report, Run};
use crate::in_hand::Hold;

/// A place among the concurrent runs. It is free again when this is dropped, however the run ended.
pub(crate) struct Slot {
    pub(crate) hold: Hold,
    pub(crate) happenings: UnboundedSender<Happening>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The driver is gone when the worker has ended; nobody counts any more.
        let _ = self.happenings.send(Happening::SlotFree(self.hold));
    }
}

/// Aborts a task of the runtime when it is dropped.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts the run. `ends` is told its report, unless it is aborted; `place` is dropped when no code of it runs any
/// more. What is returned aborts an asynchronous run, and does nothing to the code of a blocking one.
pub(crate) fn start<Place: Send + 'static>(
    run: Run,
    timeout: Option<Duration>,
    place: Place,
    ends: impl FnOnce(Report) + Send + 'static,
) -> AbortHandle {
    let running = match run.0 {
        Kind::Async(future) => tokio::spawn(async move {
            let report = within(timeout, AssertUnwindSafe(future).catch_unwind()).await;
            ends(flatten(report));
            drop(place);
        }),
        Kind::Blocking(function) => {
            let blocking = tokio::task::spawn_blocking(move || {
                let report = catch_unwind(AssertUnwindSafe(function));
                // Held by the thread: code that cannot be stopped keeps its place.
                drop(place);
                report
            });
            let ended = async { blocking.await.unwrap_or_else(|error| Ok(Err(Failure::new(error.to_string())))) };
            tokio::spawn(async move { ends(flatten(within(timeout, ended).await)) })
        }
    };
    running.abort_handle()
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
    report.unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&'static str>().copied())
            .unwrap_or("a panic with a payload that is not text");
        Err(Failure::new(format!("panicked: {message}")))
    })
}
