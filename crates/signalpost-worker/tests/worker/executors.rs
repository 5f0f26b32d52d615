//! What an executor can say that a function cannot: that its room changes, and that a run was no fault of its receiver's.

use crate::Bench;
use signalpost_store::{EndState, NewTask, State};
use signalpost_worker::{Failure, ReceiverPolicy, Run, Success};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::sync::Semaphore;

#[tokio::test(flavor = "multi_thread")]
async fn no_more_runs_begin_than_the_executor_has_room_for() {
    let mut bench = Bench::new();
    let (running, most, go) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let seen = (running.clone(), most.clone(), go.clone());
    bench.receiver("waits", ReceiverPolicy::default(), move |_| {
        let (running, most, go) = seen.clone();
        Run::asynchronous(async move {
            most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            go.acquire().await.unwrap().forget();
            running.fetch_sub(1, SeqCst);
            Ok(Success::default())
        })
    });
    bench.capacity.store(0, SeqCst);
    for _ in 0..20 {
        bench.send("waits").await;
    }
    let working = bench.start();
    while bench.store.counts().await.unwrap().waiting < 20 {
        tokio::task::yield_now().await;
    }
    bench.capacity.store(3, SeqCst);
    working.look_again.notify_one();
    while running.load(SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    go.add_permits(17);
    while bench.store.counts().await.unwrap().ended(EndState::Succeeded) < 17 {
        tokio::task::yield_now().await;
    }
    go.add_permits(3);
    while !bench.store.counts().await.unwrap().is_idle() {
        tokio::task::yield_now().await;
    }
    working.stop().await;
    assert_eq!(most.load(SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_back_has_cost_no_attempt() {
    let mut bench = Bench::new();
    let tried = Arc::new(AtomicUsize::new(0));
    bench.receiver("later", ReceiverPolicy { max_attempts: 1, ..ReceiverPolicy::default() }, move |_| {
        let first = tried.fetch_add(1, SeqCst) == 0;
        Run::asynchronous(async move { if first { Err(Failure::given_back()) } else { Ok(Success::default()) } })
    });
    let task = bench.send("later").await;
    let working = bench.start();
    working.wait_for(&format!("released later {task}")).await;
    working.wait_for(&format!("succeeded later {task}")).await;
    working.stop().await;
    assert_eq!(bench.record(task).await.attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_did_not_find_waits_as_what_nobody_knows() {
    let mut bench = Bench::new();
    bench.receiver("lost", ReceiverPolicy::default(), |_| {
        Run::asynchronous(async { Err(Failure::unknown("no receiver is called `lost` here")) })
    });
    let task = bench.send("lost").await;
    let working = bench.start();
    working.wait_for(&format!("deferred lost {task}")).await;
    working.stop().await;
    let record = bench.record(task).await;
    assert_eq!((record.state, record.attempt), (State::Waiting, 0));
    assert_eq!(record.reason.as_deref(), Some("no receiver is called `lost` here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_runner_dies_each_time_is_dead_after_three_deaths_alone() {
    let mut bench = Bench::new();
    bench.receiver("poison", ReceiverPolicy::default(), |_| {
        Run::asynchronous(async { Err(Failure::death("killed by signal 11")) })
    });
    let task = bench.send("poison").await;
    let working = bench.start();
    for _ in 0..4 {
        working.wait_for(&format!("died poison {task}")).await;
    }
    working.wait_for(&format!("dead poison {task}")).await;
    working.stop().await;
    let record = bench.record(task).await;
    assert_eq!((record.attempt, record.deaths), (5, 4));
    let reason = record.reason.unwrap();
    assert_eq!(reason, "what ran it died 3 times while it ran alone: killed by signal 11");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_can_end_when_nothing_is_due() {
    let mut bench = Bench::new();
    bench.plain("plain");
    for _ in 0..100 {
        bench.send("plain").await;
    }
    let mut later = NewTask::new("tests.signal", "plain", "{}");
    later.delay = Duration::from_secs(3_600);
    bench.store.insert(vec![later]).await.unwrap();
    bench.build().run_until_drained().await.unwrap();
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.ended(EndState::Succeeded), counts.waiting), (100, 1));
}
