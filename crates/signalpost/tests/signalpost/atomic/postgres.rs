//! An atomic receiver's transaction beside everybody else's, who on PostgreSQL need not wait for it.

use super::{atomic, book, booked, start_with};
use crate::Place;
use signalpost::{EndState, Sender, State, begin_immediate};
use signalpost_postgres_server::TestDatabase;
use signalpost_store::{ManualClock, RescueCause, RescueRequest};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_rescue_passes_over_the_open_transaction_and_a_later_one_finds_the_task_completed() {
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let (bench, pool) = start_with::<TestDatabase, PgPool>(Some(clock.clone())).await;
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, may_go) = (begun.clone(), go.clone());
    let signal = atomic("atomic.postgres.rescue", &pool, move |task, pool| {
        let (has_begun, may_go) = (has_begun.clone(), may_go.clone());
        async move {
            let mut tx = task.begin(&pool).await?;
            book(&mut *tx, task.attempt).await?;
            has_begun.notify_one();
            may_go.notified().await;
            Ok(tx.commit().await?)
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let working = bench.start(bench.worker());
    begun.notified().await;

    // Others read, write and send meanwhile.
    let mut other = begin_immediate(&pool).await.unwrap();
    book(&mut other, 100).await.unwrap();
    other.commit().await.unwrap();

    clock.advance(Duration::from_secs(60));
    let store = bench.place.open(Some(clock)).await;
    let rescuer = store.register(Duration::from_secs(60)).await.unwrap().id;
    let request = RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 3 };
    // It passes over the task, waits for nobody, and a later one finds the task completed.
    let passed_over = store.rescue(&request).await.unwrap();
    let causes: Vec<_> = passed_over.iter().map(|rescued| rescued.cause).collect();
    assert_eq!(causes, [RescueCause::LeaseExpired]);
    go.notify_one();
    working.stop().await;
    let task = bench.task_of(signal.name()).await;
    assert_eq!((task.state, task.attempt, task.deaths), (State::Ended(EndState::Succeeded), 1, 0));
    let rescued = [passed_over, store.rescue(&request).await.unwrap()].concat();
    assert!(rescued.iter().all(|rescued| rescued.waiting.is_empty() && rescued.dead.is_empty()), "{rescued:?}");
    assert_eq!(booked(&*bench.place), [1, 100]);
}
