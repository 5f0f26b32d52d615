//! The worker over a real store: one file per theme.

mod cancelling;
mod completing;
mod draining;
mod executors;
mod failing;
mod leasing;
mod limits;
mod running;
mod stopping;
mod suspects;

use signalpost_store::{ManualClock, NewTask, Outcome, SqliteOptions, Store, Task, TaskId, TaskRecord};
use signalpost_worker::{
    ClaimedTask, Executor, Health, Known, ReceiverPolicy, Run, Stopper, Success, Worker, WorkerError, WorkerOptions,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

type Function = Box<dyn Fn(ClaimedTask) -> Run + Send + Sync>;

/// Receivers by name, and a line for everything that happens to their tasks.
struct Functions {
    known: HashMap<&'static str, (ReceiverPolicy, Function)>,
    events: UnboundedSender<String>,
    capacity: Arc<AtomicUsize>,
}

impl Executor for Functions {
    fn look_up(&self, task: &Task) -> Known {
        match self.known.get(&*task.receiver) {
            Some((policy, _)) => Known::As(*policy),
            None => Known::Not(format!("no receiver named `{}` is registered", task.receiver)),
        }
    }

    fn run(&self, claimed: ClaimedTask) -> Run {
        (self.known[&*claimed.task.receiver].1)(claimed)
    }

    fn capacity(&self) -> usize {
        self.capacity.load(SeqCst)
    }

    fn started(&self, task: &Task) {
        let _ = self.events.send(format!("started {} {}", task.receiver, task.id));
    }

    fn finished(&self, task: &Task, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Succeeded { .. } => "succeeded",
            Outcome::Dead { .. } => "dead",
            Outcome::Retry { .. } => "will be retried",
            Outcome::Released => "released",
            Outcome::Died { .. } => "died",
            Outcome::Deferred { .. } => "deferred",
        };
        let _ = self.events.send(format!("{outcome} {} {}", task.receiver, task.id));
    }
}

/// What an executor that has always room says.
fn unlimited() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(usize::MAX))
}

/// A store of its own, and receivers to be run by a worker.
struct Bench {
    _directory: TempDir,
    path: std::path::PathBuf,
    clock: Arc<ManualClock>,
    store: Arc<dyn Store>,
    known: HashMap<&'static str, (ReceiverPolicy, Function)>,
    options: WorkerOptions,
    // What the executor says it can have under way.
    capacity: Arc<AtomicUsize>,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let clock = Arc::new(ManualClock::new(1_700_000_000_000));
        let store = Arc::new(SqliteOptions::new(&path).clock(clock.clone()).open().unwrap());
        let options = WorkerOptions { sweep: Duration::from_millis(20), ..WorkerOptions::default() };
        let capacity = unlimited();
        Self { _directory: directory, path, clock, store, known: HashMap::new(), options, capacity }
    }

    /// Another process's handle on the same database.
    fn another_handle(&self) -> Arc<dyn Store> {
        Arc::new(SqliteOptions::new(&self.path).clock(self.clock.clone()).open().unwrap())
    }

    fn tamper(&self, sql: &str) {
        let connection = rusqlite::Connection::open(&self.path).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    fn receiver(
        &mut self,
        name: &'static str,
        policy: ReceiverPolicy,
        function: impl Fn(Arc<Task>) -> Run + Send + Sync + 'static,
    ) {
        self.receiver_of_claims(name, policy, move |claimed| function(claimed.task));
    }

    /// A receiver that minds more than its task.
    fn receiver_of_claims(
        &mut self,
        name: &'static str,
        policy: ReceiverPolicy,
        function: impl Fn(ClaimedTask) -> Run + Send + Sync + 'static,
    ) {
        self.known.insert(name, (policy, Box::new(function)));
    }

    /// A receiver that succeeds.
    fn plain(&mut self, name: &'static str) {
        self.receiver(name, ReceiverPolicy::default(), |_| Run::asynchronous(async { Ok(Success::default()) }));
    }

    async fn send(&self, receiver: &str) -> TaskId {
        self.store.insert(vec![NewTask::new("tests.signal", receiver, "{}")]).await.unwrap()[0]
    }

    async fn record(&self, id: TaskId) -> TaskRecord {
        self.store.task(id).await.unwrap().unwrap()
    }

    fn start(&mut self) -> Working {
        self.start_on(self.store.clone())
    }

    /// A worker that nobody listens to.
    fn build(&mut self) -> Worker {
        let executor = Functions {
            known: std::mem::take(&mut self.known),
            events: unbounded_channel().0,
            capacity: self.capacity.clone(),
        };
        Worker::new(self.store.clone(), Arc::new(executor), self.options.clone()).unwrap()
    }

    fn start_on(&mut self, store: Arc<dyn Store>) -> Working {
        let (events, seen) = unbounded_channel();
        let executor = Functions { known: std::mem::take(&mut self.known), events, capacity: self.capacity.clone() };
        let worker = Worker::new(store, Arc::new(executor), self.options.clone()).unwrap();
        Working {
            stopper: worker.stopper(),
            health: worker.health(),
            look_again: worker.look_again(),
            seen: Mutex::new(seen),
            running: tokio::spawn(worker.run()),
        }
    }

    fn worker_with(&self, options: WorkerOptions) -> Result<(), WorkerError> {
        let executor =
            Functions { known: HashMap::new(), events: unbounded_channel().0, capacity: self.capacity.clone() };
        Worker::new(self.store.clone(), Arc::new(executor), options).map(drop)
    }
}

struct Working {
    stopper: Stopper,
    health: Health,
    look_again: Arc<Notify>,
    seen: Mutex<UnboundedReceiver<String>>,
    running: JoinHandle<Result<(), WorkerError>>,
}

impl Working {
    /// Waits for an event; forgets those before it.
    async fn wait_for(&self, event: &str) {
        self.events_until(event).await;
    }

    /// Waits for an event, and says what happened before it.
    async fn events_until(&self, event: &str) -> Vec<String> {
        let mut before = Vec::new();
        let mut seen = self.seen.lock().await;
        loop {
            let next = tokio::time::timeout(Duration::from_secs(60), seen.recv()).await;
            match next.unwrap_or_else(|_| panic!("`{event}` has not happened")) {
                Some(found) if found == event => return before,
                Some(found) => before.push(found),
                None => panic!("the worker ended before `{event}`"),
            }
        }
    }

    async fn stop(self) {
        self.stopper.stop();
        self.running.await.unwrap().unwrap();
    }
}
