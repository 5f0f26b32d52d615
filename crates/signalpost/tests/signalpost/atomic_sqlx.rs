//! Receivers that commit their writes and their task's success together, with sqlx.

use crate::{AT_ONCE, Bench, Finished, Log, named};
use signalpost::{
    AsyncSignal, AtomicError, BoxError, Data, EndState, Event, Outcome, Permanent, Queue, RunningTask, Sender, Signal,
    State, TaskId, receiver, running_task,
};
use signalpost_store::{ManualClock, RescueRequest, SqliteStore};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{Connection, Sqlite, Transaction};
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

async fn pool(bench: &Bench) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(&bench.path).busy_timeout(Duration::from_secs(20));
    let pool = SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE booked (attempt INTEGER)").execute(&pool).await.unwrap();
    pool
}

async fn book(transaction: &mut Transaction<'_, Sqlite>, attempt: u32) -> Result<(), BoxError> {
    sqlx::query("INSERT INTO booked VALUES (?1)").bind(attempt).execute(&mut **transaction).await?;
    Ok(())
}

/// The attempts whose writes are there.
async fn booked(pool: &SqlitePool) -> Vec<u32> {
    sqlx::query_scalar("SELECT attempt FROM booked ORDER BY rowid").fetch_all(pool).await.unwrap()
}

/// A signal with an atomic receiver.
fn atomic<Fut>(
    name: &'static str,
    pool: &SqlitePool,
    run: impl Fn(RunningTask, SqlitePool) -> Fut + Send + Sync + 'static,
) -> Signal<u32>
where
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let (signal, pool) = (Signal::new(name), pool.clone());
    let options = named(name).atomic(true).backoff(AT_ONCE).timeout(Duration::from_secs(60));
    signal.connect_background(options, move |_: &Event<u32>| run(running_task().unwrap(), pool.clone())).unwrap();
    signal
}

async fn state(bench: &Bench, id: TaskId) -> State {
    bench.store.task(id).await.unwrap().unwrap().state
}

static CHARGED: Signal<u32> = Signal::new("tests.atomic.charged");

#[receiver(CHARGED, background, atomic, queue = "atomic", name = "tests.atomic.charge")]
async fn charge(
    event: Event<'_, u32>,
    task: RunningTask,
    db: Data<SqlitePool>,
    path: Data<std::path::PathBuf>,
) -> Result<(), BoxError> {
    let mut tx = task.begin(&db).await?;
    book(&mut tx, *event.payload).await?;
    // Nobody else sees either.
    let looks = rusqlite::Connection::open(&*path)?;
    let seen = "SELECT (SELECT count(*) FROM booked), (SELECT count(*) FROM signalpost_history)";
    let seen: (i64, i64) = looks.query_row(seen, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    assert_eq!(seen, (0, 0));
    tx.commit().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_completes_the_task_with_what_was_written() {
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let bench = Bench::with(|options| options.clock(clock.clone()));
    let pool = pool(&bench).await;
    bench.within(CHARGED.asend(Sender::NONE, &7)).await.unwrap();
    clock.advance(Duration::from_secs(3));
    let mut finished = Finished::of("tests.atomic.charged");
    let worker = bench.worker().queues(["atomic"]).data(pool.clone()).data(bench.path.clone());
    let working = bench.start(worker);
    let end = finished.next().await;
    assert_eq!((end.attempt, end.outcome), (1, Outcome::Succeeded { result: None }));
    working.stop().await;
    let task = bench.task_of("tests.atomic.charge").await;
    assert_eq!((task.state, task.attempt, task.reason), (State::Ended(EndState::Succeeded), 1, None));
    assert_eq!(task.finished_at, Some(1_700_000_003_000), "by the store's clock");
    assert_eq!(booked(&pool).await, [7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_does_not_get_the_lock_says_what_to_look_for() {
    let bench = Bench::new();
    let options = SqliteConnectOptions::new().filename(&bench.path).busy_timeout(Duration::ZERO);
    let (pool, path) = (SqlitePool::connect_with(options).await.unwrap(), bench.path.clone());
    let signal = atomic("tests.atomic.locked", &pool, move |task, pool| {
        let neighbour = rusqlite::Connection::open(&path).unwrap();
        async move {
            neighbour.execute_batch("BEGIN IMMEDIATE")?;
            let refused = task.begin(&pool).await.err().unwrap();
            drop(neighbour);
            Err(Permanent::new(refused).into())
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let reason = bench.task_of("tests.atomic.locked").await.reason.unwrap();
    assert_eq!(reason.matches("database is locked").count(), 1, "{reason}");
    assert!(
        reason.contains("database is locked") && reason.contains("hint: somebody else has kept the write lock"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_leaves_neither_and_the_task_is_tried_again() {
    let bench = Bench::new();
    let pool = pool(&bench).await;
    let signal = atomic("tests.atomic.undone", &pool, |task, pool| async move {
        let mut tx = task.begin(&pool).await?;
        book(&mut tx, task.attempt).await?;
        match task.attempt {
            1 => Err("with the transaction open".into()),
            2 => panic!("with the transaction open"),
            3 => {
                tx.rollback().await?;
                Err("after a rollback".into())
            }
            4 => {
                tx.rollback().await?;
                // What is wrong with the first may be said in a second.
                let mut tx = task.begin(&pool).await?;
                book(&mut tx, 40).await?;
                Ok(tx.commit().await?)
            }
            _ => unreachable!("it has succeeded"),
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of("tests.atomic.undone").await;
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Succeeded), 4));
    assert_eq!(booked(&pool).await, [40]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_returns_without_a_commit_has_failed() {
    let bench = Bench::new();
    let pool = pool(&bench).await;
    let signal = atomic("tests.atomic.forgets", &pool, |task, pool| async move {
        if task.attempt == 2 {
            let mut tx = task.begin(&pool).await?;
            book(&mut tx, task.attempt).await?;
        }
        if task.attempt == 3 {
            task.begin(&pool).await?.commit().await?;
        }
        Ok(())
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of("tests.atomic.forgets").await;
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Succeeded), 3));
    // A success keeps the reason of the last failure.
    let reason = task.reason.unwrap();
    assert!(reason.starts_with("declared atomic, but it returned without committing"), "{reason}");
    assert!(booked(&pool).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_after_the_commit_changes_nothing() {
    let bench = Bench::new();
    let pool = pool(&bench).await;
    let signal = Signal::<u32>::new("tests.atomic.after");
    for name in ["tests.atomic.after.error", "tests.atomic.after.panic", "tests.atomic.after.timeout"] {
        let pool = pool.clone();
        let run = move |_: &Event<u32>| {
            let (task, pool) = (running_task().unwrap(), pool.clone());
            async move {
                let mut tx = task.begin(&pool).await?;
                book(&mut tx, task.attempt).await?;
                tx.commit().await?;
                match &*task.receiver {
                    "tests.atomic.after.error" => Err("too late".into()),
                    "tests.atomic.after.panic" => panic!("too late"),
                    _ => pending::<Result<(), BoxError>>().await,
                }
            }
        };
        // Should it strike before the commit, there is another attempt.
        let options = named(name).atomic(true).timeout(Duration::from_millis(300)).backoff(AT_ONCE);
        signal.connect_background(options, run).unwrap();
    }
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let tasks = bench.tasks().await;
    assert!(tasks.iter().all(|task| task.state == State::Ended(EndState::Succeeded)), "{tasks:?}");
    assert_eq!(booked(&pool).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overtaken_run_gets_no_transaction_and_writes_nothing() {
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let bench = Bench::with(|options| options.clock(clock.clone()));
    let pool = pool(&bench).await;
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, mut refusals) = mpsc::unbounded_channel::<AtomicError>();
    let (has_begun, may_go) = (begun.clone(), go.clone());
    let signal = atomic("tests.atomic.overtaken", &pool, move |task, pool| {
        let (has_begun, may_go, told) = (has_begun.clone(), may_go.clone(), told.clone());
        async move {
            if task.attempt > 1 {
                let mut tx = task.begin(&pool).await?;
                book(&mut tx, task.attempt).await?;
                return Ok(tx.commit().await?);
            }
            // On a task of its own, as the worker drops the run when it learns that it was overtaken.
            tokio::spawn(async move {
                has_begun.notify_one();
                may_go.notified().await;
                let mut tx = match task.begin(&pool).await {
                    Ok(tx) => tx,
                    Err(refused) => return told.send(refused).unwrap(),
                };
                book(&mut tx, task.attempt).await.unwrap();
                tx.commit().await.unwrap();
            })
            .await?;
            Err("overtaken".into())
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let mut finished = Finished::of(signal.name());
    let working = bench.start(bench.worker());
    begun.notified().await;
    clock.advance(Duration::from_secs(60));
    let rescuer = bench.store.register(Duration::from_secs(60)).await.unwrap().id;
    let request = RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 3 };
    assert_eq!(bench.store.rescue(&request).await.unwrap().len(), 1);
    bench.store.retire(&rescuer).await.unwrap();
    go.notify_one();
    let refused = refusals.recv().await.unwrap();
    assert!(refused.is_overtaken() && refused.to_string().contains("is not held by this run (attempt 1)"), "{refused}");
    assert_eq!(finished.next().await.attempt, 2);
    working.stop().await;
    assert_eq!(booked(&pool).await, [2]);
    let task = bench.task_of("tests.atomic.overtaken").await;
    assert_eq!((task.state, task.deaths), (State::Ended(EndState::Succeeded), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_sent_in_the_transaction_share_its_fate() {
    let (bench, follows) = (Bench::new(), Arc::new(Signal::<u32>::new("tests.atomic.follows")));
    let pool = pool(&bench).await;
    follows.connect_background_blocking(named("tests.atomic.follow"), |_: &Event<u32>| ()).unwrap();
    let sent = follows.clone();
    let signal = atomic("tests.atomic.sends", &pool, move |task, pool| {
        let follows = sent.clone();
        async move {
            let mut tx = task.begin(&pool).await?;
            follows.send_in(&mut tx, "on the wrapper", &task.attempt).await?;
            follows.send_in(&mut *tx, "on the transaction", &task.attempt).await?;
            match task.attempt {
                1 => Ok(tx.rollback().await?),
                _ => Ok(tx.commit().await?),
            }
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let tasks = bench.tasks().await;
    let followed: Vec<_> = tasks[1..].iter().map(|task| (task.sender.as_deref(), task.parent)).collect();
    let parent = Some(tasks[0].id);
    assert_eq!(followed, [(Some("on the wrapper"), parent), (Some("on the transaction"), parent)]);
    assert_eq!(tasks[0].attempt, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_savepoint_that_is_rolled_back_leaves_the_rest_and_the_completion() {
    let bench = Bench::new();
    let pool = pool(&bench).await;
    let signal = atomic("tests.atomic.savepoint", &pool, |task, pool| async move {
        let mut tx = task.begin(&pool).await?;
        book(&mut tx, 1).await?;
        let mut savepoint = tx.begin().await?;
        book(&mut savepoint, 2).await?;
        savepoint.rollback().await?;
        let mut savepoint = tx.begin().await?;
        book(&mut savepoint, 3).await?;
        savepoint.commit().await?;
        Ok(tx.commit().await?)
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!(booked(&pool).await, [1, 3]);
    assert_eq!(bench.task_of("tests.atomic.savepoint").await.state, State::Ended(EndState::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_has_one_transaction_at_a_time_and_commits_one() {
    let (bench, log) = (Bench::new(), Log::default());
    let (pool, says) = (pool(&bench).await, log.clone());
    let signal = atomic("tests.atomic.twice", &pool, move |task, pool| {
        let says = says.clone();
        async move {
            let tx = task.begin(&pool).await?;
            says.add(task.begin(&pool).await.unwrap_err().to_string());
            tx.commit().await?;
            says.add(task.begin(&pool).await.unwrap_err().to_string());
            Ok(())
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let said = log.take();
    assert!(said[0].contains("has an atomic transaction already\n  hint: use that"), "{said:?}");
    assert!(said[1].contains("is completed already"), "{said:?}");
    assert_eq!(bench.task_of("tests.atomic.twice").await.attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_declared_atomic_is_told_to_declare_it() {
    let (bench, signal, shared) =
        (Bench::new(), Signal::<u32>::new("tests.atomic.plain"), AsyncSignal::<u32>::new("tests.atomic.shared"));
    let pool = pool(&bench).await;
    let begins = |pool: SqlitePool, log: Log| {
        move |_: &Event<u32>| {
            let (task, pool, log) = (running_task().unwrap(), pool.clone(), log.clone());
            async move { log.add(task.begin(&pool).await.unwrap_err().to_string()) }
        }
    };
    let log = Log::default();
    signal.connect_background(named("tests.atomic.plain"), begins(pool.clone(), log.clone())).unwrap();
    shared.connect_async_with(named("tests.atomic.shared"), begins(pool.clone(), log.clone())).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    bench.within(shared.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let said = log.take();
    let expected = "receiver `tests.atomic.plain` is not declared atomic, so it cannot complete its task\n  hint: \
                    #[receiver(…, background, atomic)], or BackgroundOptions::atomic(true)";
    assert_eq!(said[0], expected);
    assert!(said[1].starts_with("the receivers of the background signal `tests.atomic.shared` run as one"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_keeps_no_successes_keeps_none_of_these_either() {
    let bench = Bench::new();
    let pool = pool(&bench).await;
    let signal = atomic("tests.atomic.forgotten", &pool, |task, pool| async move {
        let mut tx = task.begin(&pool).await?;
        book(&mut tx, task.attempt).await?;
        Ok(tx.commit().await?)
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain_with(bench.worker().queues([Queue::new("default").without_successes()])).await;
    assert!(bench.tasks().await.is_empty());
    assert_eq!(booked(&pool).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_database_than_the_stores_is_refused() {
    let bench = Bench::new();
    let elsewhere = |name: &str| SqliteConnectOptions::new().filename(bench.path.with_file_name(name));
    let bare = SqlitePool::connect_with(elsewhere("bare.db").create_if_missing(true)).await.unwrap();
    let _store = SqliteStore::open(bench.path.with_file_name("other.db")).unwrap();
    let other = SqlitePool::connect_with(elsewhere("other.db")).await.unwrap();
    let log = Log::default();
    let says = log.clone();
    let signal = atomic("tests.atomic.elsewhere", &other, move |task, other| {
        let (bare, says) = (bare.clone(), says.clone());
        async move {
            for database in [&bare, &other] {
                let refused = task.begin(database).await.unwrap_err();
                says.add(format!("{} {refused}", refused.is_overtaken()));
            }
            Err("nothing to begin".into())
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let (mut finished, working) = (Finished::of(signal.name()), bench.start(bench.worker()));
    finished.next().await;
    working.stop().await;
    let said = log.take();
    assert!(said[0].starts_with("false the database of this connection has no signalpost tables"), "{said:?}");
    assert!(said[1].starts_with("true overtaken: ") && said[1].contains("another database"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_refused_is_a_failure_like_any_other() {
    let bench = Bench::new();
    let pool = pool(&bench).await;
    bench.tamper(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY); \
         CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    let signal = atomic("tests.atomic.refused", &pool, |task, pool| async move {
        let mut tx = task.begin(&pool).await?;
        if task.attempt == 1 {
            // Found out at the commit.
            sqlx::query("INSERT INTO child VALUES (1)").execute(&mut **tx).await?;
        }
        book(&mut tx, task.attempt).await?;
        Ok(tx.commit().await?)
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of("tests.atomic.refused").await;
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Succeeded), 2));
    assert!(task.reason.unwrap().contains("FOREIGN KEY"));
    assert_eq!(booked(&pool).await, [2]);
    assert_eq!(state(&bench, task.id).await, State::Ended(EndState::Succeeded));
}

#[test]
fn blocking_code_and_receivers_of_background_signals_cannot_be_atomic() {
    let signal = Signal::<u32>::new("tests.atomic.blocking");
    let error = signal
        .connect_background_blocking(named("tests.atomic.blocking").atomic(true), |_: &Event<u32>| ())
        .unwrap_err();
    assert!(error.to_string().contains("cannot be atomic, because it is blocking code"), "{error}");
    let signal = AsyncSignal::<u32>::new("tests.atomic.beside");
    let error = signal.connect_with(named("tests.atomic.beside").atomic(true), |_: &Event<u32>| ()).unwrap_err();
    assert!(error.to_string().contains("whose receivers share one task that none of them can complete"), "{error}");
}
