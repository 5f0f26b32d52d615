//! Signals over a real store and real workers, one file per theme. `docs/conformance.md` says which test shows which
//! requirement.

#![cfg_attr(
    not(all(feature = "postgres", feature = "sea-orm", feature = "sqlx")),
    allow(dead_code, reason = "the tests with clients are left out")
)]

mod aliases;
#[cfg(all(feature = "postgres", feature = "sea-orm", feature = "sqlx"))]
mod atomic;
mod background;
mod background_signal;
mod cancelling;
#[cfg(all(feature = "postgres", feature = "sea-orm", feature = "sqlx"))]
mod clients;
mod data;
mod failing;
mod headers;
mod instances;
mod lifecycle;
mod many;
mod middleware;
mod nested;
mod options;
#[cfg(all(feature = "postgres", feature = "sea-orm", feature = "sqlx"))]
mod outbox;
mod payloads;
mod places;
mod registration;
mod sending;
mod versions;

use places::{File, Place};
use signalpost::{
    BackgroundOptions, Backoff, BoxError, Clock, Event, Outbox, ScopedConnection, SenderType, SqliteOptions, Store,
    TASK_FINISHED, TaskFilter, TaskFinished, TaskRecord, Worker, WorkerError, with_store, with_store_blocking,
};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Nothing that is waited for here takes so long.
const TOO_LONG: Duration = Duration::from_secs(60);

const AT_ONCE: Backoff = Backoff { first: Duration::ZERO, longest: Duration::ZERO };

/// The options of a background receiver called `name`.
fn named(name: &'static str) -> BackgroundOptions {
    BackgroundOptions::new().name(name)
}

/// A store of its own.
struct Bench<P = File> {
    place: Arc<P>,
    store: Arc<dyn Store>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|options| options)
    }

    fn with(change: impl FnOnce(SqliteOptions) -> SqliteOptions) -> Self {
        let place = File::new();
        let store = Arc::new(change(SqliteOptions::new(&place.path)).open().unwrap());
        Self { place: Arc::new(place), store }
    }

    fn raw(&self) -> rusqlite::Connection {
        self.place.raw()
    }

    fn tamper(&self, sql: &str) {
        self.place.run(sql);
    }
}

impl<P: Place> Bench<P> {
    /// A store in whatever database.
    async fn open() -> Self {
        Self::open_with(None).await
    }

    async fn open_with(clock: Option<Arc<dyn Clock>>) -> Self {
        let place = P::new();
        let store = place.open(clock).await;
        Self { place: Arc::new(place), store }
    }

    /// Runs `future` with this store.
    async fn within<F: Future>(&self, future: F) -> F::Output {
        with_store(self.store.clone(), future).await
    }

    fn within_blocking<T>(&self, run: impl FnOnce() -> T) -> T {
        with_store_blocking(self.store.clone(), run)
    }

    /// Every task, live or ended, in the order in which they were sent.
    async fn tasks(&self) -> Vec<TaskRecord> {
        let mut tasks = self.store.tasks(&TaskFilter { limit: 1000, ..TaskFilter::default() }).await.unwrap();
        tasks.sort_by_key(|task| task.id);
        tasks
    }

    /// The only task of a receiver.
    async fn task_of(&self, receiver: &str) -> TaskRecord {
        let mut tasks = self.tasks().await;
        tasks.retain(|task| task.receiver == receiver);
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        tasks.remove(0)
    }

    fn worker(&self) -> Worker {
        Worker::new(self.store.clone())
    }

    /// Runs a worker until no task is live.
    async fn drain(&self) {
        self.drain_with(self.worker()).await;
    }

    async fn drain_with(&self, worker: Worker) {
        let in_time = tokio::time::timeout(TOO_LONG, worker.run_until_idle()).await;
        in_time.expect("there are live tasks still").unwrap();
    }

    fn start(&self, worker: Worker) -> Working {
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(worker.run_until(async { drop(stopped.await) }));
        Working { stop, running }
    }
}

/// A worker that runs beside the test.
struct Working {
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), WorkerError>>,
}

impl Working {
    async fn stop(self) {
        drop(self.stop);
        self.running.await.unwrap().unwrap();
    }
}

/// A connection of the sender's own.
struct Own(rusqlite::Connection);

impl Outbox for &mut Own {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        Ok(self.0.execute(sql, [json])? as u64)
    }
}

/// What becomes of the runs of one signal's tasks, from now on.
struct Finished {
    told: UnboundedReceiver<TaskFinished>,
    _connected: ScopedConnection<'static, TaskFinished, ()>,
}

impl Finished {
    fn of(signal: &'static str) -> Self {
        let (tell, told) = unbounded_channel();
        let connected = TASK_FINISHED.connect(move |event: &Event<TaskFinished>| {
            if event.payload.signal == signal {
                let _ = tell.send(event.payload.clone());
            }
        });
        Self { told, _connected: connected.scoped() }
    }

    async fn next(&mut self) -> TaskFinished {
        tokio::time::timeout(TOO_LONG, self.told.recv()).await.expect("no run has ended").unwrap()
    }
}

/// A list that receivers write to, in the order in which they ran.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// A receiver of any signal that writes `line`.
    fn writer<P>(&self, line: &str) -> impl Fn(&Event<'_, P>) + Send + Sync + 'static + use<P> {
        let (log, line) = (self.clone(), line.to_owned());
        move |_| log.add(line.clone())
    }
}

struct Shop;

impl SenderType for Shop {
    const LABEL: &'static str = "shop.Shop";
}
