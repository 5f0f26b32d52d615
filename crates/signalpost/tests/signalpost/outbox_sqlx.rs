//! Sends on connections and transactions of sqlx.

use crate::{Bench, named};
use signalpost::{AsyncSignal, BoxError, Event, SendError, Sender, Sent, Signal, StoreError, begin_immediate};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{Connection, Row};
use std::time::Duration;

async fn pool(bench: &Bench) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(&bench.path).busy_timeout(Duration::from_millis(50));
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE orders (id INTEGER PRIMARY KEY)").execute(&pool).await.unwrap();
    pool
}

/// A signal with two background receivers.
fn two(name: &'static str, receivers: [&'static str; 2]) -> Signal<u32> {
    let signal = Signal::new(name);
    for receiver in receivers {
        signal.connect_background_blocking(named(receiver), |_: &Event<u32>| ()).unwrap();
    }
    signal
}

async fn count(pool: &SqlitePool, table: &str) -> i64 {
    let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query(statement).fetch_one(pool).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_exists_if_and_only_if_the_transaction_committed() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, two("tests.sqlx.commit", ["tests.sqlx.c1", "tests.sqlx.c2"]));
    bench
        .within(async {
            for committed in [false, true] {
                let mut transaction = begin_immediate(&pool).await.unwrap();
                sqlx::query("INSERT INTO orders (id) VALUES (7)").execute(&mut *transaction).await.unwrap();
                assert_eq!(signal.send_in(&mut transaction, Sender::NONE, &7).await.unwrap().len(), 2);
                if committed {
                    assert!(bench.tasks().await.is_empty());
                    transaction.commit().await.unwrap();
                } else {
                    transaction.rollback().await.unwrap();
                    assert!(bench.tasks().await.is_empty());
                }
            }
        })
        .await;
    assert_eq!((count(&pool, "orders").await, bench.tasks().await.len()), (1, 2));
    bench.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_savepoint_that_is_rolled_back_takes_its_tasks_with_it() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, two("tests.sqlx.savepoint", ["tests.sqlx.s1", "tests.sqlx.s2"]));
    bench
        .within(async {
            let mut transaction = begin_immediate(&pool).await.unwrap();
            signal.send_in(&mut transaction, "outer", &1).await.unwrap();
            let mut savepoint = transaction.begin().await.unwrap();
            signal.send_in(&mut savepoint, "rolled back", &2).await.unwrap();
            savepoint.rollback().await.unwrap();
            let mut savepoint = transaction.begin().await.unwrap();
            signal.send_in(&mut savepoint, "kept", &3).await.unwrap();
            savepoint.commit().await.unwrap();
            transaction.commit().await.unwrap();
        })
        .await;
    let senders: Vec<_> = bench.tasks().await.into_iter().map(|task| task.sender.unwrap()).collect();
    assert_eq!(senders, ["outer", "outer", "kept", "kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_and_its_connections_are_sent_on_outside_any_transaction() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, two("tests.sqlx.pool", ["tests.sqlx.p1", "tests.sqlx.p2"]));
    bench
        .within(async {
            signal.send_in(&pool, Sender::NONE, &1).await.unwrap();
            let mut connection = pool.acquire().await.unwrap();
            signal.send_in(&mut connection, Sender::NONE, &2).await.unwrap();
            signal.send_in(&mut *connection, Sender::NONE, &3).await.unwrap();
        })
        .await;
    assert_eq!(bench.tasks().await.len(), 6);
    bench.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_signalposts_tables_is_an_error_that_says_so() {
    let bench = Bench::new();
    let signal = two("tests.sqlx.tables", ["tests.sqlx.t1", "tests.sqlx.t2"]);
    let path = bench.path.with_file_name("elsewhere.db");
    let elsewhere =
        SqlitePool::connect_with(SqliteConnectOptions::new().filename(path).create_if_missing(true)).await.unwrap();
    let error = bench.within(signal.send_in(&elsewhere, Sender::NONE, &1)).await.unwrap_err();
    assert!(error.downcast_ref::<StoreError>().unwrap().is_without_tables());
    let text = error.to_string();
    assert!(text.starts_with("the database of this connection has no signalpost tables\n  hint: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn begin_immediate_takes_the_write_lock_at_once() {
    let bench = Bench::new();
    let pool = pool(&bench).await;
    let transaction = begin_immediate(&pool).await.unwrap();
    let error = begin_immediate(&pool).await.unwrap_err();
    assert!(error.to_string().contains("locked"), "{error}");
    transaction.rollback().await.unwrap();
    begin_immediate(&pool).await.unwrap().commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_send_inside_a_transaction_ends_in_an_error_that_names_send_in() {
    let bench = Bench::with(|options| options.busy_timeout(Duration::from_millis(50)));
    let (pool, signal) = (pool(&bench).await, two("tests.sqlx.plain", ["tests.sqlx.l1", "tests.sqlx.l2"]));
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("INSERT INTO orders (id) VALUES (1)").execute(&mut *transaction).await.unwrap();
    let error = bench.within(signal.asend(Sender::NONE, &1)).await.unwrap_err();
    assert!(error.downcast_ref::<StoreError>().unwrap().is_locked());
    assert!(error.to_string().contains("send on it with send_in"), "{error}");
    bench.within(signal.send_in(&mut transaction, Sender::NONE, &1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(bench.tasks().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_receiver_that_raises_leaves_the_transaction_as_it_was() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, two("tests.sqlx.raises", ["tests.sqlx.r1", "tests.sqlx.r2"]));
    signal.connect(|event: &Event<u32>| if *event.payload == 0 { Err("no order 0") } else { Ok(()) });
    let mut transaction = begin_immediate(&pool).await.unwrap();
    sqlx::query("INSERT INTO orders (id) VALUES (1)").execute(&mut *transaction).await.unwrap();
    let error = bench.within(signal.send_in(&mut transaction, Sender::NONE, &0)).await.unwrap_err();
    assert!(error.receiver().is_some());
    transaction.commit().await.unwrap();
    assert_eq!((count(&pool, "orders").await, bench.tasks().await.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_within_joins_the_transaction() {
    let bench = Bench::new();
    let (pool, outer) = (pool(&bench).await, two("tests.sqlx.outer", ["tests.sqlx.o1", "tests.sqlx.o2"]));
    let inner = two("tests.sqlx.inner", ["tests.sqlx.i1", "tests.sqlx.i2"]);
    outer.connect(move |event: &Event<u32>| -> Result<(), SendError> {
        inner.send_within(event, Sender::NONE, event.payload).map(drop)
    });
    bench
        .within(async {
            let mut transaction = begin_immediate(&pool).await?;
            outer.send_in(&mut transaction, Sender::NONE, &1).await?;
            transaction.rollback().await?;
            assert!(bench.tasks().await.is_empty());
            let mut transaction = begin_immediate(&pool).await?;
            outer.send_in(&mut transaction, Sender::NONE, &1).await?;
            transaction.commit().await?;
            Ok::<(), BoxError>(())
        })
        .await
        .unwrap();
    assert_eq!(bench.tasks().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_signal_is_sent_in_the_transaction_too() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, AsyncSignal::<u32>::new("tests.sqlx.async"));
    signal.connect_with(named("tests.sqlx.async"), |_: &Event<u32>| ()).unwrap();
    bench
        .within(async {
            let mut transaction = begin_immediate(&pool).await.unwrap();
            signal.send_in(&mut transaction, Sender::NONE, &1).await.unwrap();
            transaction.rollback().await.unwrap();
            assert!(bench.tasks().await.is_empty());
            let mut transaction = begin_immediate(&pool).await.unwrap();
            let sent = signal.send_in(&mut transaction, Sender::NONE, &1).await.unwrap();
            assert!(matches!(sent, Sent::Queued(_)));
            transaction.commit().await.unwrap();
        })
        .await;
    assert_eq!(bench.tasks().await.len(), 1);
    bench.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_signal_that_is_sent_within_joins_the_transaction() {
    let bench = Bench::new();
    let (pool, outer) = (pool(&bench).await, two("tests.sqlx.calls", ["tests.sqlx.calls1", "tests.sqlx.calls2"]));
    let inner = AsyncSignal::<u32>::new("tests.sqlx.called");
    outer.connect(move |event: &Event<u32>| inner.send_within(event, Sender::NONE, event.payload).map(drop));
    bench
        .within(async {
            let mut transaction = begin_immediate(&pool).await.unwrap();
            outer.send_in(&mut transaction, Sender::NONE, &1).await.unwrap();
            transaction.rollback().await.unwrap();
            assert!(bench.tasks().await.is_empty());
            let mut transaction = begin_immediate(&pool).await.unwrap();
            outer.send_in(&mut transaction, Sender::NONE, &1).await.unwrap();
            transaction.commit().await.unwrap();
        })
        .await;
    let receivers: Vec<_> = bench.tasks().await.into_iter().map(|task| task.receiver).collect();
    assert_eq!(receivers, ["tests.sqlx.calls1", "tests.sqlx.calls2", "*"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_with_an_error_of_its_own_keeps_that_error() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, two("tests.sqlx.error", ["tests.sqlx.e1", "tests.sqlx.e2"]));
    let held = begin_immediate(&pool).await.unwrap();
    let error = bench.within(signal.send_in(&pool, Sender::NONE, &1)).await.unwrap_err();
    assert!(error.to_string().contains("hint: somebody else has kept the write lock"), "{error}");
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.downcast_ref::<sqlx::Error>().is_some(), "{error}");
    held.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_has_read_before_somebody_else_wrote_is_told_how_to_begin() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, two("tests.sqlx.snapshot", ["tests.sqlx.s1", "tests.sqlx.s2"]));
    let mut deferred = pool.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM signalpost_task").execute(&mut *deferred).await.unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let error = bench.within(signal.send_in(&mut deferred, Sender::NONE, &2)).await.unwrap_err();
    assert!(error.to_string().contains("must begin with signalpost::begin_immediate"), "{error}");
}
