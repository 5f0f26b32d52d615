//! One run of one receiver: its timeout, its panics, its place among the concurrent ones.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::happening::Happening;
use crate::{ClaimedTask, Failure, Success};

/// One run of a receiver, not yet begun.
pub struct Run(Kind);

pub(crate) type Report = Result<Success, Failure>;

enum Kind {
    Async(Pin<Box<dyn Future<Output = Report> + Send>>),
    Blocking(Box<dyn FnOnce() -> Report + Send>),
}

impl Run {
    /// A run on the worker's runtime. It can be stopped at every await.
    pub fn asynchronous(run: impl Future<Output = Result<Success, Failure>> + Send + 'static) -> Self {
        Self(Kind::Async(Box::pin(run)))
    }

    /// A run on a thread for blocking code. It cannot be stopped.
    pub fn blocking(run: impl FnOnce() -> Result<Success, Failure> + Send + 'static) -> Self {
        Self(Kind::Blocking(Box::new(run)))
    }

    /// Runs to the end on the polling thread, without a runtime; blocking code too. A panic is a failure.
    pub async fn finish_here(self) -> Result<Success, Failure> {
        flatten(match self.0 {
            Kind::Async(future) => AssertUnwindSafe(future).catch_unwind().await,
            Kind::Blocking(function) => catch_unwind(AssertUnwindSafe(function)),
        })
    }

    /// Runs to the end, as part of the run that polls this, and inside its task-locals and its span: a panic is a
    /// failure, and so is taking longer than `timeout`, when `cancellation` fires. Blocking code runs on a thread of its
    /// own, in the span but without the task-locals. It keeps the place of the run that it is part of; dropped with
    /// this before it has begun, it never begins.
    pub async fn finish(self, timeout: Option<Duration>, cancellation: &CancellationToken) -> Result<Success, Failure> {
        match self.0 {
            Kind::Async(future) => within(timeout, cancellation, AssertUnwindSafe(future).catch_unwind()).await,
            Kind::Blocking(function) => {
                // The place goes where the code is: code that cannot be stopped keeps it.
                let place = PLACE.try_with(Place::clone).unwrap_or_else(|_| Arc::new(()));
                let span = Span::current();
                let blocking = tokio::task::spawn_blocking(move || {
                    PLACE.sync_scope(place, || catch_unwind(AssertUnwindSafe(|| span.in_scope(function))))
                });
                // Code that has not begun when its time is over never begins.
                let _not_begun = AbortOnDrop(blocking.abort_handle());
                let ended = async { blocking.await.unwrap_or_else(|error| Ok(Err(Failure::new(error.to_string())))) };
                within(timeout, cancellation, ended).await
            }
        }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Async(_) => "Run::asynchronous",
            Kind::Blocking(_) => "Run::blocking",
        })
    }
}

/// A place among the concurrent runs. It is free again when this is dropped, however the run ended.
pub(crate) struct Slot {
    pub(crate) claimed: ClaimedTask,
    pub(crate) happenings: UnboundedSender<Happening>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The driver is gone when the worker has ended; nobody counts any more.
        let _ = self.happenings.send(Happening::SlotFree(self.claimed.clone()));
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

/// Starts the run. `ends` is told its report, unless it is aborted; `place` is let go of when no code of the run goes on
/// any more, and after the report.
///
/// What is returned aborts the run. `None`: it cannot be aborted, because it is blocking code.
pub(crate) fn start(
    run: Run,
    timeout: Option<Duration>,
    cancellation: CancellationToken,
    place: Place,
    ends: impl FnOnce(Report) + Send + 'static,
) -> Option<AbortHandle> {
    let can_be_aborted = matches!(run.0, Kind::Async(_));
    let running = tokio::spawn(PLACE.scope(place, async move { ends(run.finish(timeout, &cancellation).await) }));
    can_be_aborted.then(|| running.abort_handle())
}

type Caught = std::thread::Result<Report>;

async fn within(
    timeout: Option<Duration>,
    cancellation: &CancellationToken,
    run: impl Future<Output = Caught>,
) -> Report {
    let Some(timeout) = timeout else { return flatten(run.await) };
    match tokio::time::timeout(timeout, run).await {
        Ok(caught) => flatten(caught),
        Err(_) => {
            cancellation.cancel();
            Err(Failure::new(format!("timed out after {timeout:?}")))
        }
    }
}

fn flatten(caught: Caught) -> Report {
    caught.unwrap_or_else(panicked)
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
