//! The worker of registered receivers.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use signalpost_store::{Store, StoreError};
use signalpost_worker::{Health, Queue, WorkerOptions};

use crate::data::DataMap;
use crate::executor::RegisteredReceivers;
use crate::middleware::Layers;
use crate::{Middleware, RegistryError, link, registry};

/// Why a worker could not start, or could not end cleanly.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// What was declared with `#[receiver]` cannot be registered.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A receiver needs something that the worker was not given.
    #[error("receiver `{receiver}` takes `Data<{needs}>`\n  hint: give the worker one, with `.data(…)`")]
    MissingData {
        /// The receiver.
        receiver: &'static str,
        /// The type.
        needs: &'static str,
    },
    /// The settings make no sense; the text says which, and what would.
    #[error("{0}")]
    Options(String),
    /// The store refused the worker.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// As it is displayed: a `main` that returns the error shows this.
impl fmt::Debug for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn flat(error: signalpost_worker::WorkerError) -> WorkerError {
    match error {
        signalpost_worker::WorkerError::Store(error) => WorkerError::Store(error),
        error => WorkerError::Options(error.to_string()),
    }
}

/// Runs the background receivers that are registered in this process, with tasks from a store.
///
/// ```no_run
/// # use signalpost::{BoxError, SqliteStore, Worker};
/// # use std::sync::Arc;
/// # struct Mailer;
/// # #[tokio::main]
/// # async fn main() -> Result<(), BoxError> {
/// let store = Arc::new(SqliteStore::open("app.db")?);
/// signalpost::install(store.clone()).await?;
/// Worker::new(store).data(Mailer).queues(["default", "mail"]).concurrency(64).run_until_signalled().await?;
/// # Ok(())
/// # }
/// ```
///
/// What receivers send goes to the worker's store.
pub struct Worker {
    store: Arc<dyn Store>,
    data: DataMap,
    layers: Layers,
    options: WorkerOptions,
    health: Health,
}

impl Worker {
    /// A worker with the default settings.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let (data, layers, options) = (DataMap::default(), Layers::default(), WorkerOptions::default());
        Self { store, data, layers, options, health: Health::default() }
    }

    /// Gives receivers a value, which they take as [`Data<T>`](crate::Data). One for each type.
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.data.insert(value);
        self
    }

    /// Does something around every run: see [`Middleware`]. The first that is given is the outermost. Default: nothing,
    /// which costs nothing.
    #[must_use]
    pub fn wrap(mut self, middleware: impl Middleware) -> Self {
        self.layers.push(middleware);
        self
    }

    /// The queues to serve, by name or as a [`Queue`] with settings; those of equal weight get equal parts. Default:
    /// `default`. A queue that no worker serves keeps its tasks waiting for ever.
    ///
    /// ```no_run
    /// # fn serve(store: std::sync::Arc<dyn signalpost::Store>) -> signalpost::Worker {
    /// use signalpost::{Queue, Rate, Worker};
    ///
    /// let mail = Queue::new("mail").concurrency(4).rate(Rate::per_second(20));
    /// Worker::new(store).queues([Queue::new("default").weight(3), mail])
    /// # }
    /// ```
    #[must_use]
    pub fn queues<Q: Into<Queue>>(mut self, queues: impl IntoIterator<Item = Q>) -> Self {
        self.options.queues = queues.into_iter().map(Into::into).collect();
        self
    }

    /// How many receivers run at once, of all queues together. Default: 32. Blocking receivers need a thread each, of which the runtime has 512
    /// unless it was built with more.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.options.concurrency = concurrency;
        self
    }

    /// How long the store believes in this worker without hearing from it, at least 300 ms. Default: 30 s. Shorter: a
    /// frozen worker's tasks are taken up sooner, and more of them run twice when a worker is merely slow.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.lease = lease;
        self
    }

    /// How long a clean stop waits for the receivers that run, which are told of it by
    /// [`RunningTask::cancellation`](crate::RunningTask::cancellation). Default: 30 s. What is left then is dropped and given
    /// back; blocking code is left to itself. (A tokio runtime that is dropped waits for it: end the process, or use
    /// `Runtime::shutdown_timeout`, if that may take long.)
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace;
        self
    }

    /// How long a task whose receiver nobody knows waits for a worker that does. Default: one hour.
    #[must_use]
    pub fn unknown_grace(mut self, grace: Duration) -> Self {
        self.options.unknown_grace = grace;
        self
    }

    /// How many deaths a task may suffer while it runs alone before it is dead, at least 1. Default: 3.
    #[must_use]
    pub fn max_deaths_alone(mut self, deaths: u32) -> Self {
        self.options.max_deaths_alone = deaths;
        self
    }

    /// How long successes, and tasks that were cancelled or have expired, stay in the history. Default: a day. A
    /// [`Queue`] can say otherwise.
    #[must_use]
    pub fn keep_ended(mut self, keep: Duration) -> Self {
        self.options.keep_ended = keep;
        self
    }

    /// How long dead tasks stay in the history, with their payload. Default: 30 days. A [`Queue`] can say otherwise.
    #[must_use]
    pub fn keep_dead(mut self, keep: Duration) -> Self {
        self.options.keep_dead = keep;
        self
    }

    /// How this worker is, for probes: take it before the worker runs.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Works until `stop` completes, and then stops cleanly: what runs may end within the grace, what was claimed and
    /// not started is given back.
    ///
    /// # Errors
    ///
    /// [`WorkerError`]. Failures of the store while it works are logged and waited out.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), WorkerError> {
        self.build()?.run_until(stop).await.map_err(flat)
    }

    /// Works until no task is live in the store, of any queue, and then stops: for programs that end, and for tests.
    ///
    /// It waits for delayed tasks and for the next attempts of failed ones, and for tasks of queues that this worker does
    /// not serve: for ever, if no other worker serves them. So a task that sends itself anew each night keeps it working.
    ///
    /// # Errors
    ///
    /// As [`Worker::run_until`].
    pub async fn run_until_idle(self) -> Result<(), WorkerError> {
        self.build()?.run_until_idle().await.map_err(flat)
    }

    /// Works until SIGTERM or SIGINT: stops cleanly at the first, at once at the second.
    ///
    /// # Errors
    ///
    /// As [`Worker::run_until`].
    pub async fn run_until_signalled(self) -> Result<(), WorkerError> {
        self.build()?.run_until_signalled().await.map_err(flat)
    }

    fn build(self) -> Result<signalpost_worker::Worker, WorkerError> {
        link::link()?;
        let Self { store, data, layers, options, health } = self;
        let served = registry::all()
            .into_iter()
            .filter(|receiver| options.queues.iter().any(|queue| queue.name() == receiver.queue));
        for receiver in served {
            if let Some(needs) = receiver.missing(&data) {
                return Err(WorkerError::MissingData { receiver: receiver.name(), needs: needs.name() });
            }
        }
        warn_of_queues_not_served(&options.queues);
        let executor = Arc::new(RegisteredReceivers { store: store.clone(), data: Arc::new(data), layers });
        let worker = signalpost_worker::Worker::new(store, executor, options).map_err(flat)?;
        Ok(worker.with_health(health))
    }
}

/// Another worker may serve them. If none does, their tasks wait for ever.
fn warn_of_queues_not_served(served: &[Queue]) {
    let served: Vec<&str> = served.iter().map(Queue::name).collect();
    let mut others: Vec<_> = registry::all().iter().map(|receiver| (receiver.queue, receiver.name())).collect();
    others.retain(|(queue, _)| !served.contains(queue));
    others.sort_unstable();
    for (queue, receiver) in others {
        tracing::warn!(
            target: "signalpost", queue, receiver, ?served,
            "this worker does not serve the queue of a receiver that is registered here: name it in .queues([…]), \
             unless another worker does"
        );
    }
}

/// Completes at the first SIGTERM or SIGINT.
pub async fn shutdown_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!(target: "signalpost", "SIGTERM and SIGINT cannot be listened to");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
