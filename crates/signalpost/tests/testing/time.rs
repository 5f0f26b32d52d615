//! The store's clock beside tokio's.

use crate::named;
use signalpost::testing::TestStore;
use signalpost::{BoxError, Event, Sender, Signal};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const HOUR: Duration = Duration::from_secs(3600);

async fn sleeps(event: &Event<'_, u64>) {
    sleep(Duration::from_secs(*event.payload)).await;
}

#[tokio::test(start_paused = true)]
async fn with_time_paused_a_receiver_that_sleeps_takes_no_time_and_the_stores_clock_stands() -> Result<(), BoxError> {
    let signal: Signal<u64> = Signal::new("tests.time.sleeps");
    signal.connect_background(named("tests.time.sleeps"), sleeps)?;
    let store = TestStore::new();
    store.scope(signal.asend(Sender::NONE, &7200)).await?;
    let begun = (std::time::Instant::now(), Instant::now());
    store.run_due().await?.assert_succeeded();
    assert_eq!(begun.1.elapsed(), 2 * HOUR, "by tokio's clock");
    assert!(begun.0.elapsed() < HOUR, "by everybody else's");
    store.scope(signal.asend(Sender::NONE, &0)).await?;
    let tasks = store.store().tasks(&Default::default()).await?;
    assert_eq!(tasks[0].created_at, tasks[1].created_at, "by the store's");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_timeout_goes_by_tokios_clock() -> Result<(), BoxError> {
    let signal: Signal<u64> = Signal::new("tests.time.timeout");
    signal.connect_background(named("tests.time.timeout").timeout(Duration::from_secs(60)).max_attempts(1), sleeps)?;
    let store = TestStore::new();
    store.scope(signal.asend(Sender::NONE, &59)).await?;
    store.run_due().await?.assert_succeeded();
    store.scope(signal.asend(Sender::NONE, &61)).await?;
    let runs = store.run_due().await?;
    assert_eq!(runs[0].reason(), Some("failure 1 of 1: timed out after 60s"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn moving_the_stores_clock_does_not_move_tokios() -> Result<(), BoxError> {
    let signal: Signal<u64> = Signal::new("tests.time.retries");
    signal.connect_background_blocking(named("tests.time.retries"), |_: &Event<u64>| Err::<(), _>("no"))?;
    let store = TestStore::new();
    store.scope(signal.asend(Sender::NONE, &0)).await?;
    let begun = Instant::now();
    assert_eq!(store.run_all(Duration::MAX).await?.len(), 10);
    store.advance(HOUR);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    Ok(())
}
