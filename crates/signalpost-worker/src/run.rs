//! One run of one receiver: its timeout, its panics, its place among the concurrent ones.

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

/// Starts the run; its end is reported as [`Happening::Ended`], unless it is aborted. What is returned aborts an
/// asynchronous run, and does nothing to the code of a blocking one.
pub(crate) fn start(run: Run, timeout: Option<Duration>, slot: Slot) -> AbortHandle {
    let (hold, happenings) = (slot.hold, slot.happenings.clone());
    let ends = move |report| drop(happenings.send(Happening::Ended(hold, report)));
    let running = match run.0 {
        Kind::Async(future) => tokio::spawn(async move {
            let caught = AssertUnwindSafe(future).catch_unwind();
            let report = match timeout {
                Some(timeout) => tokio::time::timeout(timeout, caught).await.unwrap_or_else(|_| Ok(timed_out(timeout))),
                None => caught.await,
            };
            ends(flatten(report));
            drop(slot);
        }),
        Kind::Blocking(function) => {
            let blocking = tokio::task::spawn_blocking(move || {
                let report = catch_unwind(AssertUnwindSafe(function));
                // Held by the thread: code that cannot be stopped keeps its place.
                drop(slot);
                report
            });
            tokio::spawn(async move {
                let ended = async { blocking.await.unwrap_or_else(|error| Ok(Err(Failure::new(error.to_string())))) };
                let report = match timeout {
                    Some(timeout) => {
                        tokio::time::timeout(timeout, ended).await.unwrap_or_else(|_| Ok(timed_out(timeout)))
                    }
                    None => ended.await,
                };
                ends(flatten(report));
            })
        }
    };
    running.abort_handle()
}

fn timed_out(timeout: Duration) -> Report {
    Err(Failure::new(format!("timed out after {timeout:?}")))
}

fn flatten(report: std::thread::Result<Report>) -> Report {
    report.unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&'static str>().copied())
            .unwrap_or("a panic with a payload that is not text");
        Err(Failure::new(format!("panicked: {message}")))
    })
}
