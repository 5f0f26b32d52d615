//! Receivers that commit their writes and their task's success together, with SeaORM.

use crate::{AT_ONCE, Bench, named};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, TransactionTrait};
use signalpost::{BoxError, EndState, Event, RunningTask, Sender, Signal, State, running_task};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

async fn database(bench: &Bench) -> DatabaseConnection {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", bench.path.display()));
    options.max_connections(2).map_sqlx_sqlite_opts(|options| options.busy_timeout(Duration::from_secs(20)));
    let database = Database::connect(options).await.unwrap();
    database.execute_unprepared("CREATE TABLE booked (attempt INTEGER)").await.unwrap();
    database
}

async fn book(connection: &impl ConnectionTrait, attempt: u32) -> Result<(), BoxError> {
    connection.execute_unprepared(&format!("INSERT INTO booked VALUES ({attempt})")).await?;
    Ok(())
}

fn booked(bench: &Bench) -> Vec<u32> {
    let raw = bench.raw();
    let mut rows = raw.prepare("SELECT attempt FROM booked ORDER BY rowid").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// A signal with an atomic receiver.
fn atomic<Fut>(
    name: &'static str,
    database: &DatabaseConnection,
    run: impl Fn(RunningTask, DatabaseConnection) -> Fut + Send + Sync + 'static,
) -> Signal<u32>
where
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let (signal, database) = (Signal::new(name), database.clone());
    let options = named(name).atomic(true).backoff(AT_ONCE);
    signal.connect_background(options, move |_: &Event<u32>| run(running_task().unwrap(), database.clone())).unwrap();
    signal
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_counts_with_the_commit_alone() {
    let bench = Bench::new();
    let database = database(&bench).await;
    let signal = atomic("tests.atomic.orm", &database, |task, database| async move {
        let tx = task.begin(&database).await?;
        book(&*tx, task.attempt).await?;
        match task.attempt {
            1 => Err("with the transaction open".into()),
            2 => Ok(tx.rollback().await?),
            _ => Ok(tx.commit().await?),
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of("tests.atomic.orm").await;
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Succeeded), 3));
    assert!(task.reason.unwrap().starts_with("declared atomic, but it returned without committing"));
    assert_eq!(booked(&bench), [3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_and_savepoints_belong_to_it() {
    let (bench, follows) = (Bench::new(), Arc::new(Signal::<u32>::new("tests.atomic.orm.follows")));
    follows.connect_background_blocking(named("tests.atomic.orm.follow"), |_: &Event<u32>| ()).unwrap();
    let (database, sent) = (database(&bench).await, follows.clone());
    let signal = atomic("tests.atomic.orm.sends", &database, move |task, database| {
        let follows = sent.clone();
        async move {
            let mut tx = task.begin(&database).await?;
            follows.send_in(&mut tx, "on the wrapper", &1).await?;
            follows.send_in(&*tx, "on the transaction", &1).await?;
            let savepoint = tx.begin().await?;
            book(&savepoint, 1).await?;
            follows.send_in(&savepoint, "on the savepoint", &1).await?;
            savepoint.rollback().await?;
            book(&*tx, 2).await?;
            match task.attempt {
                1 => Err("not yet".into()),
                _ => Ok(tx.commit().await?),
            }
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!(booked(&bench), [2]);
    let senders: Vec<_> = bench.tasks().await[1..].iter().map(|task| task.sender.clone().unwrap()).collect();
    assert_eq!(senders, ["on the wrapper", "on the transaction"]);
}
