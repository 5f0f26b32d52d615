//! What a worker does around every run.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use signalpost_worker::{Failure, Run, Success};

use crate::{RunningTask, running_task};

/// Something that a worker does around every run of a background receiver: measure it, log it, open a span, set a
/// task-local, replace an error. Given with [`Worker::wrap`](crate::Worker::wrap).
///
/// An `async fn` or a closure of the two arguments is one. This one has everything that a receiver logs bear the id of the
/// request that led to it:
///
/// ```
/// use signalpost::{Failure, Next, RunningTask, Success, Worker};
/// use tracing::Instrument;
///
/// async fn in_a_span(task: RunningTask, next: Next) -> Result<Success, Failure> {
///     let request = task.headers.get("request-id").map(String::as_str);
///     let span = tracing::info_span!("task", id = %task.id, receiver = task.receiver, request);
///     next.run().instrument(span).await
/// }
/// # fn worker(store: std::sync::Arc<dyn signalpost::Store>) -> Worker {
/// Worker::new(store).wrap(in_a_span)
/// # }
/// ```
///
/// A type can be one too, with state of its own:
///
/// ```
/// use signalpost::{Failure, Middleware, Next, RunningTask, Success};
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// #[derive(Default)]
/// struct CountsFailures(AtomicU64);
///
/// impl Middleware for CountsFailures {
///     async fn run(&self, _task: RunningTask, next: Next) -> Result<Success, Failure> {
///         let ended = next.run().await;
///         if ended.is_err() {
///             self.0.fetch_add(1, Relaxed);
///         }
///         ended
///     }
/// }
/// ```
///
/// - It sees what the receiver's panics and timeouts have been made into, and what it returns is what counts; but a task
///   whose atomic transaction was committed has succeeded in any case.
/// - `timeout` is about what [`Next`] runs. A middleware that waits for ever holds its place among the concurrent runs.
/// - A background signal's run is wrapped as a whole.
/// - Blocking receivers run on threads of their own, in the current span, but without the task-locals that are set here.
/// - Where no store is installed there is no worker, and no middleware.
pub trait Middleware: Send + Sync + 'static {
    /// Runs the receiver by `next`, once or not at all, and says what became of it. A middleware that returns `Ok` without
    /// having run `next` has the task succeed.
    fn run(&self, task: RunningTask, next: Next) -> impl Future<Output = Result<Success, Failure>> + Send;
}

impl<F, Fut> Middleware for F
where
    F: Fn(RunningTask, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Success, Failure>> + Send,
{
    fn run(&self, task: RunningTask, next: Next) -> impl Future<Output = Result<Success, Failure>> + Send {
        self(task, next)
    }
}

/// What a [`Middleware`] is around: those that were given after it, and the receiver.
#[must_use = "the receiver does not run unless this is run"]
pub struct Next {
    layers: Layers,
    reached: usize,
    task: RunningTask,
    run: Run,
    timeout: Option<Duration>,
}

impl Next {
    /// Runs it to the end. Dropped before that, it is cancelled; blocking code goes on.
    ///
    /// # Errors
    ///
    /// A receiver's error, its panic, or that it took too long.
    pub async fn run(mut self) -> Result<Success, Failure> {
        let Some(layer) = self.layers.0.get(self.reached).cloned() else {
            return self.run.finish(self.timeout, self.task.cancellation()).await;
        };
        self.reached += 1;
        layer.run(self.task.clone(), self).await
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("task", &self.task).finish_non_exhaustive()
    }
}

/// A worker's middlewares, the outermost first.
#[derive(Clone, Default)]
pub(crate) struct Layers(Arc<Vec<Arc<dyn Layer>>>);

impl Layers {
    pub(crate) fn push(&mut self, middleware: impl Middleware) {
        Arc::make_mut(&mut self.0).push(Arc::new(middleware));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The run with everything around it. There the run's own time is watched.
    pub(crate) fn around(&self, task: RunningTask, run: Run, timeout: Option<Duration>) -> Run {
        let next = Next { layers: self.clone(), reached: 0, task: task.clone(), run, timeout };
        Run::asynchronous(running_task::scope(task, next.run()))
    }
}

/// A middleware of any type.
trait Layer: Send + Sync {
    fn run(&self, task: RunningTask, next: Next)
    -> Pin<Box<dyn Future<Output = Result<Success, Failure>> + Send + '_>>;
}

impl<M: Middleware> Layer for M {
    fn run(
        &self,
        task: RunningTask,
        next: Next,
    ) -> Pin<Box<dyn Future<Output = Result<Success, Failure>> + Send + '_>> {
        Box::pin(Middleware::run(self, task, next))
    }
}
