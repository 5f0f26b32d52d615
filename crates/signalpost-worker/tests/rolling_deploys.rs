//! An old program and a new one, side by side on one database: on each kind of store the same.

use signalpost_postgres_server::TestDatabase;
use signalpost_store::{
    Clock, EndState, ManualClock, NewTask, PostgresOptions, SqliteOptions, State, Store, Task, TaskId,
};
use signalpost_worker::{
    ClaimedTask, Executor, Known, ReceiverPolicy, Run, Stopper, Success, Worker, WorkerError, WorkerOptions,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// How long a task that nobody knows waits for the next worker.
const DEFERRED: Duration = Duration::from_secs(30);

enum Database {
    Sqlite(TempDir),
    Postgres(TestDatabase),
}

struct Site {
    database: Database,
    clock: Arc<ManualClock>,
}

impl Site {
    fn new(database: Database) -> Self {
        Self { database, clock: Arc::new(ManualClock::new(1_700_000_000_000)) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        match &self.database {
            Database::Sqlite(directory) => {
                let options = SqliteOptions::new(directory.path().join("store.db"));
                Arc::new(options.clock(self.clock.clone()).open().unwrap())
            }
            Database::Postgres(database) => {
                let options = PostgresOptions::new(database.url()).unwrap();
                Arc::new(options.clock(self.clock.clone()).open().await.unwrap())
            }
        }
    }

    fn run_sql(&self, sql: &str) {
        match &self.database {
            Database::Sqlite(directory) => {
                let connection = rusqlite::Connection::open(directory.path().join("store.db")).unwrap();
                connection.busy_timeout(Duration::from_secs(5)).unwrap();
                connection.execute_batch(sql).unwrap();
            }
            Database::Postgres(database) => drop(database.run_sql(sql).unwrap()),
        }
    }
}

/// What a program knows: receivers, and the newest payload.
#[derive(Clone)]
struct Program {
    receivers: &'static [&'static str],
    payload_version: u32,
    ran: Arc<Mutex<Vec<TaskId>>>,
}

impl Executor for Program {
    fn look_up(&self, task: &Task) -> Known {
        if !self.receivers.contains(&&*task.receiver) {
            return Known::Not(format!("no receiver named {} is registered", task.receiver));
        }
        if task.payload_version > self.payload_version {
            return Known::Not(format!("payload version {}", task.payload_version));
        }
        Known::As(ReceiverPolicy::default())
    }

    fn run(&self, claimed: ClaimedTask) -> Run {
        self.ran.lock().unwrap().push(claimed.task.id);
        Run::asynchronous(async { Ok(Success::default()) })
    }
}

fn old_program() -> Program {
    Program { receivers: &["receipt"], payload_version: 1, ran: Arc::default() }
}

fn new_program() -> Program {
    Program { receivers: &["receipt", "invoice"], payload_version: 2, ran: Arc::default() }
}

struct Running {
    stopper: Stopper,
    worker: JoinHandle<Result<(), WorkerError>>,
}

impl Running {
    fn start(store: &Arc<dyn Store>, program: &Program) -> Self {
        // The clock jumps: no lease is to end by that.
        let options = WorkerOptions { lease: Duration::from_secs(24 * 3600), ..WorkerOptions::default() };
        let worker = Worker::new(store.clone(), Arc::new(program.clone()), options).unwrap();
        Self { stopper: worker.stopper(), worker: tokio::spawn(worker.run()) }
    }

    async fn stop(self) {
        self.stopper.stop();
        self.worker.await.unwrap().unwrap();
    }
}

async fn send(store: &Arc<dyn Store>, receiver: &str, payload_version: u32) -> TaskId {
    let mut task = NewTask::new("shop.paid", receiver, "{}");
    task.payload_version = payload_version;
    store.insert(vec![task]).await.unwrap()[0]
}

async fn until(store: &Arc<dyn Store>, task: TaskId, is: impl Fn(&signalpost_store::TaskRecord) -> bool) {
    let waits = async {
        while !is(&store.task(task).await.unwrap().unwrap()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waits).await.unwrap();
}

fn has_succeeded(record: &signalpost_store::TaskRecord) -> bool {
    record.state == State::Ended(EndState::Succeeded)
}

/// Old and new workers are both there; what only the new ones know waits for one of them and costs no attempt.
async fn what_only_new_workers_know_waits_for_one_of_them(site: Site) {
    let store = site.open().await;
    let (old, new) = (old_program(), new_program());
    let old_worker = Running::start(&store, &old);
    // A sender that was deployed before any worker.
    let known = send(&store, "receipt", 1).await;
    let unknown = [send(&store, "invoice", 1).await, send(&store, "receipt", 2).await];
    until(&store, known, has_succeeded).await;
    for task in unknown {
        until(&store, task, |record| record.reason.is_some() && record.state == State::Waiting).await;
        assert_eq!(store.task(task).await.unwrap().unwrap().attempt, 0);
    }

    // The new program's first worker comes, on tables that it has made newer.
    site.run_sql(
        "ALTER TABLE signalpost_task ADD COLUMN tenant TEXT; ALTER TABLE signalpost_history ADD COLUMN tenant TEXT; \
         UPDATE signalpost_schema SET version = 2",
    );
    let elsewhere = site.open().await;
    let new_worker = Running::start(&elsewhere, &new);
    let sent_later = send(&elsewhere, "receipt", 1).await;
    until(&store, sent_later, has_succeeded).await;
    for task in unknown {
        // An old worker may meet it again. Each time it waits for as long.
        until(&store, task, |record| {
            if record.state == State::Waiting && record.run_at > site.clock.now() {
                site.clock.advance(DEFERRED);
            }
            has_succeeded(record)
        })
        .await;
        let record = store.task(task).await.unwrap().unwrap();
        assert_eq!((record.attempt, record.deaths), (1, 0));
    }
    old_worker.stop().await;
    new_worker.stop().await;
    let (by_old, by_new) = (old.ran.lock().unwrap().clone(), new.ran.lock().unwrap().clone());
    assert!(by_old.contains(&known) && !unknown.iter().any(|task| by_old.contains(task)), "{by_old:?}");
    assert!(unknown.iter().all(|task| by_new.contains(task)), "{by_new:?}");
}

/// Beyond the window it is dead, with what is missing, and can be tried again once somebody knows it.
async fn what_nobody_has_known_for_an_hour_is_dead_until_it_is_tried_again(site: Site) {
    let store = site.open().await;
    let old_worker = Running::start(&store, &old_program());
    let task = send(&store, "invoice", 1).await;
    until(&store, task, |record| record.reason.is_some()).await;
    site.clock.advance(Duration::from_secs(3600));
    until(&store, task, |record| record.state == State::Ended(EndState::Dead)).await;
    let reason = store.task(task).await.unwrap().unwrap().reason.unwrap();
    assert!(reason.contains("no receiver named invoice is registered; no worker that knows it has come"), "{reason}");
    old_worker.stop().await;

    let new_worker = Running::start(&store, &new_program());
    assert!(store.retry_if_dead(task).await.unwrap());
    until(&store, task, has_succeeded).await;
    new_worker.stop().await;
}

macro_rules! on_each_store {
    ($($test:ident)*) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(Site::new(Database::Sqlite(tempfile::tempdir().unwrap()))).await;
            })*
        }

        mod on_postgresql {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
            async fn $test() {
                super::$test(Site::new(Database::Postgres(TestDatabase::new()))).await;
            })*
        }
    };
}

on_each_store! {
    what_only_new_workers_know_waits_for_one_of_them
    what_nobody_has_known_for_an_hour_is_dead_until_it_is_tried_again
}
