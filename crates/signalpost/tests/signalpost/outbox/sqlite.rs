//! What SQLite's one writer at a time means for senders.

use super::{orders, two};
use crate::{Bench, Place};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use signalpost::{BeginImmediate, Sender, StoreError, begin_immediate};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::fmt::{Debug, Display};
use std::time::Duration;

const NOT_LONG: Duration = Duration::from_millis(50);

async fn pool(bench: &Bench) -> SqlitePool {
    bench.tamper("CREATE TABLE orders (id INTEGER PRIMARY KEY)");
    let options = SqliteConnectOptions::new().filename(&bench.place.path).busy_timeout(NOT_LONG);
    SqlitePool::connect_with(options).await.unwrap()
}

async fn sea_orm(bench: &Bench) -> DatabaseConnection {
    let mut options = ConnectOptions::new(bench.place.url());
    options.max_connections(2).map_sqlx_sqlite_opts(|options| options.busy_timeout(NOT_LONG));
    Database::connect(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn begin_immediate_takes_the_write_lock_at_once() {
    async fn holds<D: BeginImmediate<Transaction: Debug, Error: Debug + Display>>(database: D) {
        let transaction = begin_immediate(&database).await.unwrap();
        let error = begin_immediate(&database).await.unwrap_err();
        assert!(error.to_string().contains("locked"), "{error}");
        drop(transaction);
    }
    let bench = Bench::new();
    holds(pool(&bench).await).await;
    holds(sea_orm(&bench).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_send_inside_a_transaction_ends_in_an_error_that_names_send_in() {
    let bench = Bench::with(|options| options.busy_timeout(NOT_LONG));
    let (pool, signal) = (pool(&bench).await, two("outbox.sqlite.plain"));
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("INSERT INTO orders (id) VALUES (1)").execute(&mut *transaction).await.unwrap();
    let error = bench.within(signal.asend(Sender::NONE, &1)).await.unwrap_err();
    assert!(error.downcast_ref::<StoreError>().unwrap().is_locked());
    assert!(error.to_string().contains("send on it with send_in"), "{error}");
    bench.within(signal.send_in(&mut transaction, Sender::NONE, &1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!((orders(&*bench.place), bench.tasks().await.len()), (vec![1], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_and_its_connections_are_sent_on_outside_any_transaction() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, two("outbox.sqlite.pool"));
    bench
        .within(async {
            signal.send_in(&pool, Sender::NONE, &1).await.unwrap();
            let mut connection = pool.acquire().await.unwrap();
            signal.send_in(&mut connection, Sender::NONE, &2).await.unwrap();
            signal.send_in(&mut *connection, Sender::NONE, &3).await.unwrap();
        })
        .await;
    assert_eq!(bench.tasks().await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_explained_and_the_clients_error_kept() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, two("outbox.sqlite.error"));
    let held = begin_immediate(&pool).await.unwrap();
    let error = bench.within(signal.send_in(&pool, Sender::NONE, &1)).await.unwrap_err();
    assert!(error.to_string().contains("hint: somebody else has kept the write lock"), "{error}");
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.downcast_ref::<sqlx::Error>().is_some(), "{error}");
    held.rollback().await.unwrap();

    let read_only = SqliteConnectOptions::new().filename(&bench.place.path).read_only(true);
    let read_only = SqlitePool::connect_with(read_only).await.unwrap();
    let error = bench.within(signal.send_in(&read_only, Sender::NONE, &1)).await.unwrap_err();
    assert!(error.to_string().contains("hint: a send writes"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_has_read_before_somebody_else_wrote_is_told_how_to_begin() {
    let bench = Bench::new();
    let (pool, signal) = (pool(&bench).await, two("outbox.sqlite.snapshot"));
    let mut deferred = pool.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM signalpost_task").execute(&mut *deferred).await.unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let error = bench.within(signal.send_in(&mut deferred, Sender::NONE, &2)).await.unwrap_err();
    assert!(error.to_string().contains("must begin with signalpost::begin_immediate"), "{error}");
}
