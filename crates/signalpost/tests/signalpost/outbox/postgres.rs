//! What is PostgreSQL's own: isolation, rights, schemas, notifications.

use super::{start, two};
use crate::clients::{Client, Transaction, on_postgres, wait_for};
use crate::{Bench, File, Finished, Place, TOO_LONG};
use signalpost::{
    PostgresOptions, PostgresStore, SendId, SendOptions, Sender, Store, StoreError, begin_immediate, with_store,
};
use signalpost_postgres_server::TestDatabase;
use sqlx::{Connection, PgConnection, PgPool, SqlitePool};
use std::sync::Arc;
use std::time::{Duration, Instant};

type OnPostgres = Bench<TestDatabase>;

on_postgres! { with_sqlx: sqlx::PgPool: what_is_refused_is_explained whatever_its_isolation_a_transaction_is_sent_on }
on_postgres! { with_sea_orm: sea_orm::DatabaseConnection: what_is_refused_is_explained }
on_postgres! { with_tokio_postgres: tokio_postgres::Client: what_is_refused_is_explained }

async fn what_is_refused_is_explained<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let signal = two("outbox.postgres.refused");
    for (before, says, hint) in [
        ("SET TRANSACTION READ ONLY", "read-only transaction", "begin without READ ONLY"),
        // A role that every server has, and that has no rights here.
        ("SET LOCAL ROLE pg_monitor", "permission denied for", "run the SQL of PostgresStore::grants_sql"),
        ("SELECT 1 / 0", "transaction is aborted", "an earlier statement of this transaction has failed"),
    ] {
        let mut transaction = client.begin().await;
        // The last one fails, as it should.
        let _ = transaction.run(before).await;
        let error = bench.within(signal.send_in(transaction.outbox(), Sender::NONE, &1)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(says) && text.contains("\n  hint: ") && text.contains(hint), "{before}: {text}");
        assert!(std::error::Error::source(&error).is_some(), "the client's own error is lost: {text}");
        transaction.rollback().await;
    }
    let mut transaction = client.begin().await;
    transaction.run("SET LOCAL search_path = 'elsewhere'").await.unwrap();
    let error = bench.within(signal.send_in(transaction.outbox(), Sender::NONE, &1)).await.unwrap_err();
    assert!(error.downcast_ref::<StoreError>().unwrap().is_without_tables());
    assert!(error.to_string().contains("where its search_path leads, has no signalpost tables"), "{error}");
    transaction.rollback().await;
    assert!(bench.tasks().await.is_empty());
}

async fn whatever_its_isolation_a_transaction_is_sent_on<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let signal = two("outbox.postgres.isolation");
    for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let mut transaction = client.begin().await;
        transaction.run(&format!("SET TRANSACTION ISOLATION LEVEL {level}")).await.unwrap();
        transaction.run("SELECT count(*) FROM signalpost_task").await.unwrap();
        // Somebody else writes and works after it has read.
        bench.within(signal.asend("else", &1)).await.unwrap();
        bench.drain().await;
        bench.within(signal.send_in(transaction.outbox(), level, &2)).await.unwrap();
        transaction.commit().await;
        bench.drain().await;
    }
    assert_eq!(bench.tasks().await.len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_pool_and_its_connections_are_sent_on_outside_any_transaction() {
    let (bench, pool) = start::<TestDatabase, PgPool>().await;
    let signal = two("outbox.postgres.pool");
    let mut own = PgConnection::connect(bench.place.url()).await.unwrap();
    bench
        .within(async {
            signal.send_in(&pool, Sender::NONE, &1).await.unwrap();
            let mut connection = pool.acquire().await.unwrap();
            signal.send_in(&mut connection, Sender::NONE, &2).await.unwrap();
            signal.send_in(&mut *connection, Sender::NONE, &3).await.unwrap();
            signal.send_in(&mut own, Sender::NONE, &4).await.unwrap();
            let mut transaction = own.begin().await.unwrap();
            signal.send_in(&mut transaction, Sender::NONE, &5).await.unwrap();
            transaction.commit().await.unwrap();
        })
        .await;
    assert_eq!(bench.tasks().await.len(), 10);
    bench.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_role_that_has_been_granted_what_it_needs_sends() {
    let (bench, pool) = start::<TestDatabase, PgPool>().await;
    let (signal, role) = (two("outbox.postgres.role"), bench.place.name());
    let mut transaction = begin_immediate(&pool).await.unwrap();
    // Roles belong to the server: this one goes with the transaction.
    transaction.run(&format!("CREATE ROLE {role}")).await.unwrap();
    transaction.run(&PostgresStore::grants_sql(None, role)).await.unwrap();
    transaction.run(&format!("SET LOCAL ROLE {role}")).await.unwrap();
    bench
        .within(async {
            signal.send_in(&mut transaction, Sender::NONE, &1).await.unwrap();
            let once = SendOptions::new().send_id(SendId::new());
            signal.with(once).send_in(&mut transaction, Sender::NONE, &1).await.unwrap();
        })
        .await;
    let refused = transaction.run("DROP TABLE signalpost_task").await.unwrap_err();
    assert!(refused.to_string().contains("must be owner"), "{refused}");
    transaction.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn the_schema_of_the_store_is_the_senders_too() {
    let database = TestDatabase::new();
    let options = PostgresOptions::new(database.url()).unwrap().schema("behind the scenes");
    let store: Arc<dyn Store> = Arc::new(options.open().await.unwrap());
    let bench = Bench { place: Arc::new(database), store };
    let (pool, signal) = (PgPool::connect(bench.place.url()).await.unwrap(), two("outbox.postgres.schema"));
    bench
        .within(async {
            let mut transaction = begin_immediate(&pool).await.unwrap();
            signal.send_in(&mut transaction, Sender::NONE, &1).await.unwrap();
            transaction.commit().await.unwrap();
        })
        .await;
    let written = r#"SELECT count(*) FROM "behind the scenes".signalpost_task"#;
    assert_eq!(bench.place.numbers(written), [2]);
    bench.drain().await;
    // A database that has tables in another schema than the store's has none.
    let elsewhere = OnPostgres::open().await;
    let pool = PgPool::connect(elsewhere.place.url()).await.unwrap();
    let error = bench.within(signal.send_in(&pool, Sender::NONE, &1)).await.unwrap_err();
    assert!(error.downcast_ref::<StoreError>().is_some_and(StoreError::is_without_tables), "{error}");
    assert!(elsewhere.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_connection_to_another_kind_of_database_is_an_error_that_says_so() {
    let (on_postgres, pg_pool) = start::<TestDatabase, PgPool>().await;
    let (on_sqlite, sqlite_pool) = start::<File, SqlitePool>().await;
    let signal = two("outbox.postgres.kind");
    let errors = [
        on_postgres.within(signal.send_in(&sqlite_pool, Sender::NONE, &1)).await.unwrap_err(),
        on_sqlite.within(signal.send_in(&pg_pool, Sender::NONE, &1)).await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("hint: this connection is to another kind of database"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn the_commit_of_a_send_wakes_an_idle_worker() {
    let database = TestDatabase::new();
    // It finds nothing by asking.
    let options = PostgresOptions::new(database.url()).unwrap().poll_interval(TOO_LONG);
    let store: Arc<dyn Store> = Arc::new(options.open().await.unwrap());
    let bench = Bench { place: Arc::new(database), store };
    let (pool, signal) = (PgPool::connect(bench.place.url()).await.unwrap(), two("outbox.postgres.wakes"));
    let mut finished = Finished::of(signal.name());
    let working = bench.start(bench.worker());
    let mut waited = Duration::ZERO;
    for _ in 0..5 {
        wait_for(&*bench.place, 1, "SELECT count(*) FROM signalpost_worker WHERE idle IS NOT NULL");
        let mut transaction = begin_immediate(&pool).await.unwrap();
        with_store(bench.store.clone(), signal.send_in(&mut transaction, Sender::NONE, &1)).await.unwrap();
        let committed = Instant::now();
        transaction.commit().await.unwrap();
        finished.next().await;
        waited += committed.elapsed();
        finished.next().await;
    }
    working.stop().await;
    // Workers look once a second whatever they are told.
    assert!(waited < Duration::from_millis(2500), "five commits were noticed after {waited:?} in all");
}
