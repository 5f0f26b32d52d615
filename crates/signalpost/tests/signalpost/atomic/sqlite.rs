//! Atomic receivers as they are declared, and SQLite's write lock.

use super::{atomic, book, booked, start};
use crate::{Bench, File};
use signalpost::{BoxError, Data, EndState, Event, Permanent, RunningTask, Sender, Signal, State, receiver};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::time::Duration;

static CHARGED: Signal<u32> = Signal::new("tests.atomic.charged");

#[receiver(CHARGED, background, atomic, queue = "atomic", name = "tests.atomic.charge")]
async fn charge(event: Event<'_, u32>, task: RunningTask, db: Data<SqlitePool>) -> Result<(), BoxError> {
    let mut tx = task.begin(&db).await?;
    book(&mut *tx, *event.payload).await?;
    tx.commit().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_can_be_declared_atomic() {
    let (bench, pool) = start::<File, SqlitePool>().await;
    bench.within(CHARGED.asend(Sender::NONE, &7)).await.unwrap();
    bench.drain_with(bench.worker().queues(["atomic"]).data(pool)).await;
    let task = bench.task_of("tests.atomic.charge").await;
    assert_eq!((task.state, task.attempt, task.reason), (State::Ended(EndState::Succeeded), 1, None));
    assert_eq!(booked(&*bench.place), [7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_does_not_get_the_lock_says_what_to_look_for() {
    let bench = Bench::new();
    let options = SqliteConnectOptions::new().filename(&bench.place.path).busy_timeout(Duration::ZERO);
    let (pool, place) = (SqlitePool::connect_with(options).await.unwrap(), bench.place.clone());
    let signal = atomic("atomic.locked", &pool, move |task, pool| {
        let neighbour = place.raw();
        async move {
            neighbour.execute_batch("BEGIN IMMEDIATE")?;
            let refused = task.begin(&pool).await.err().unwrap();
            drop(neighbour);
            Err(Permanent::new(refused).into())
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let reason = bench.task_of(signal.name()).await.reason.unwrap();
    assert_eq!(reason.matches("database is locked").count(), 1, "{reason}");
    assert!(reason.contains("hint: somebody else has kept the write lock"), "{reason}");
}
