//! An atomic receiver in a process in which no store is installed: a plain transaction.

#![cfg(feature = "sqlx")]

use signalpost::{BoxError, Data, Event, RunningTask, Sender, Signal, provide, receiver};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

static BOOKED: Signal<i64> = Signal::new("tests.no_store.booked");

#[receiver(BOOKED, background, atomic)]
async fn book(event: Event<'_, i64>, task: RunningTask, db: Data<SqlitePool>) -> Result<(), BoxError> {
    assert!(!task.cancellation().is_cancelled());
    let mut tx = task.begin(&db).await?;
    sqlx::query("INSERT INTO booked VALUES (?1)").bind(event.payload).execute(&mut **tx).await?;
    match event.payload {
        0 => Ok(()),
        1 => Ok(tx.rollback().await?),
        _ => Ok(tx.commit().await?),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_an_atomic_receiver_has_a_plain_transaction_which_it_must_commit() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(directory.path().join("app.db")).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE booked (number INTEGER)").execute(&pool).await.unwrap();
    provide(pool.clone());
    for number in [0, 1] {
        let error = BOOKED.asend(Sender::NONE, &number).await.unwrap_err().to_string();
        assert!(error.contains("declared atomic, but it returned without committing"), "{error}");
    }
    BOOKED.asend(Sender::NONE, &2).await.unwrap();
    let booked: Vec<i64> = sqlx::query_scalar("SELECT number FROM booked").fetch_all(&pool).await.unwrap();
    assert_eq!(booked, [2]);
}
