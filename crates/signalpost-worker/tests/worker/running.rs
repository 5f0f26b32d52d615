//! Tasks that go well.

use crate::Bench;
use signalpost_store::{EndState, NewTask, State};
use signalpost_worker::{Failure, ReceiverPolicy, Run, Success};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread")]
async fn async_and_blocking_receivers_run_to_success() {
    let mut bench = Bench::new();
    bench.plain("plain");
    bench.receiver("blocking", ReceiverPolicy::default(), |task| {
        Run::blocking(move || Ok(Success::default().with_result(format!("\"attempt {}\"", task.attempt))))
    });
    let (plain, blocking) = (bench.send("plain").await, bench.send("blocking").await);
    let working = bench.start();
    working.wait_for(&format!("succeeded plain {plain}")).await;
    working.stop().await;
    assert_eq!(bench.record(plain).await.state, State::Ended(EndState::Succeeded));
    assert_eq!(bench.record(blocking).await.result.as_deref(), Some("\"attempt 1\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_notices_sends_of_its_own_and_of_other_handles() {
    let mut bench = Bench::new();
    bench.plain("plain");
    let working = bench.start();
    let here = bench.send("plain").await;
    working.wait_for(&format!("succeeded plain {here}")).await;
    let elsewhere = bench.another_handle();
    let there = elsewhere.insert(vec![NewTask::new("tests.signal", "plain", "{}")]).await.unwrap()[0];
    working.wait_for(&format!("succeeded plain {there}")).await;
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_receivers_run_at_once_than_the_concurrency() {
    let mut bench = Bench::new();
    bench.options.concurrency = 3;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, peak) = (running.clone(), most.clone());
    bench.receiver("counts", ReceiverPolicy::default(), move |_| {
        let (counted, peak) = (counted.clone(), peak.clone());
        Run::asynchronous(async move {
            peak.fetch_max(counted.fetch_add(1, SeqCst) + 1, SeqCst);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            counted.fetch_sub(1, SeqCst);
            Ok(Success::default())
        })
    });
    let mut last = bench.send("counts").await;
    for _ in 0..100 {
        last = bench.send("counts").await;
    }
    let working = bench.start();
    working.wait_for(&format!("succeeded counts {last}")).await;
    working.stop().await;
    assert_eq!(bench.store.counts().await.unwrap().ended(EndState::Succeeded), 101);
    assert_eq!(most.load(SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_drained_without_a_gap() {
    let mut bench = Bench::new();
    bench.plain("plain");
    let tasks = (0..5_000).map(|_| NewTask::new("tests.signal", "plain", "{}")).collect();
    let last = *bench.store.insert(tasks).await.unwrap().last().unwrap();
    let working = bench.start();
    working.wait_for(&format!("succeeded plain {last}")).await;
    working.stop().await;
    let counts = bench.store.counts().await.unwrap();
    assert!(counts.is_idle());
    assert_eq!(counts.ended(EndState::Succeeded), 5_000);
}

/// More than one claim is under way at a time by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_runs_one_task_at_a_time_runs_them_in_the_order_of_their_sends() {
    let mut bench = Bench::new();
    bench.options.concurrency = 1;
    bench.plain("plain");
    let tasks = (0..3_000).map(|_| NewTask::new("tests.signal", "plain", "{}")).collect();
    let sent = bench.store.insert(tasks).await.unwrap();
    let working = bench.start();
    let last = format!("succeeded plain {}", sent[sent.len() - 1]);
    let events = working.events_until(&last).await;
    let started: Vec<String> = events.into_iter().filter(|event| event.starts_with("started")).collect();
    assert_eq!(started, sent.iter().map(|task| format!("started plain {task}")).collect::<Vec<_>>());
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_can_work_until_nothing_is_left_and_waits_for_the_next_attempts() {
    let mut bench = Bench::new();
    bench.plain("plain");
    bench.receiver("late", ReceiverPolicy::default(), |task| {
        Run::asynchronous(async move {
            let later = Failure::retry_after(Duration::from_millis(1), "later");
            if task.attempt == 1 { Err(later) } else { Ok(Success::default()) }
        })
    });
    let (plain, late) = (bench.send("plain").await, bench.send("late").await);
    let clock = bench.clock.clone();
    let worker = bench.build();
    let running = worker.run_until_idle();
    tokio::pin!(running);
    // The clock stands still: the second attempt comes when it is moved.
    tokio::select! {
        ended = &mut running => panic!("{ended:?} with a task that waits"),
        () = async {
            loop {
                let record = bench.record(late).await;
                if (record.state, record.attempt) == (State::Waiting, 1) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        } => clock.advance(Duration::from_secs(1)),
    }
    tokio::time::timeout(Duration::from_secs(60), running).await.unwrap().unwrap();
    assert_eq!(bench.record(plain).await.state, State::Ended(EndState::Succeeded));
    assert_eq!(
        (bench.record(late).await.state, bench.record(late).await.attempt),
        (State::Ended(EndState::Succeeded), 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_workers_own_queues_are_served() {
    let mut bench = Bench::new();
    bench.options.queues = vec!["mail".into()];
    bench.plain("plain");
    let mut mail = NewTask::new("tests.signal", "plain", "{}");
    mail.queue = "mail".to_owned();
    let other = bench.send("plain").await;
    let served = bench.store.insert(vec![mail]).await.unwrap()[0];
    let working = bench.start();
    working.wait_for(&format!("succeeded plain {served}")).await;
    working.stop().await;
    assert_eq!(bench.record(other).await.state, State::Waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_follow_a_success_run_too() {
    let mut bench = Bench::new();
    bench.plain("second");
    bench.receiver("first", ReceiverPolicy::default(), |_| {
        Run::asynchronous(async {
            let then = vec![NewTask::new("tests.signal", "second", "{}")];
            Ok(Success::default().followed_by(then))
        })
    });
    let first = bench.send("first").await;
    let working = bench.start();
    working.wait_for(&format!("succeeded second {}", first.0 + 1)).await;
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_runs_long_is_not_rescued() {
    let mut bench = Bench::new();
    bench.options.lease = Duration::from_millis(300);
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, released) = (begun.clone(), release.clone());
    bench.receiver("long", ReceiverPolicy::default(), move |_| {
        let (has_begun, released) = (has_begun.clone(), released.clone());
        Run::asynchronous(async move {
            has_begun.notify_one();
            released.notified().await;
            Ok(Success::default())
        })
    });
    let id = bench.send("long").await;
    let working = bench.start();
    begun.notified().await;
    let neighbour = bench.another_handle();
    let rescuer = neighbour.register(Duration::from_secs(3600)).await.unwrap().id;
    let rescue =
        signalpost_store::RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 3 };
    let connection = rusqlite::Connection::open(&bench.path).unwrap();
    let lease_until = || -> i64 {
        connection.query_row("SELECT min(lease_until) FROM signalpost_worker", [], |row| row.get(0)).unwrap()
    };
    // Several leases pass by the store's clock; the worker renews before each is over.
    for _ in 0..5 {
        let before = lease_until();
        bench.clock.advance(Duration::from_millis(200));
        while lease_until() == before {
            tokio::task::yield_now().await;
        }
        assert!(neighbour.rescue(&rescue).await.unwrap().is_empty());
    }
    neighbour.retire(&rescuer).await.unwrap();
    release.notify_one();
    working.wait_for(&format!("succeeded long {id}")).await;
    working.stop().await;
    assert_eq!(bench.record(id).await.attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_claimed_ahead_is_given_back_when_nothing_moves() {
    let mut bench = Bench::new();
    bench.options.concurrency = 1;
    let release = Arc::new(Notify::new());
    let released = release.clone();
    bench.receiver("long", ReceiverPolicy::default(), move |_| {
        let released = released.clone();
        Run::asynchronous(async move {
            released.notified().await;
            Ok(Success::default())
        })
    });
    bench.plain("short");
    let long = bench.send("long").await;
    let working = bench.start();
    working.wait_for(&format!("started long {long}")).await;
    let short = bench.send("short").await;
    working.wait_for(&format!("released short {short}")).await;
    // Another worker has room for it.
    bench.plain("short");
    let other = bench.start();
    other.wait_for(&format!("succeeded short {short}")).await;
    assert_eq!(bench.record(short).await.attempt, 1);
    release.notify_one();
    working.wait_for(&format!("succeeded long {long}")).await;
    other.stop().await;
    working.stop().await;
}
