//! Runs that are told to wrap up.

use crate::Bench;
use signalpost_store::{EndState, RescueRequest, State};
use signalpost_worker::{Failure, ReceiverPolicy, Run, Success};
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

/// Blocking code that polls.
fn wait_for(cancellation: &CancellationToken) {
    while !cancellation.is_cancelled() {
        thread::park_timeout(Duration::from_millis(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_code_whose_time_is_over_can_notice_and_makes_room() {
    let mut bench = Bench::new();
    bench.options.concurrency = 1;
    bench.plain("plain");
    let policy =
        ReceiverPolicy { max_attempts: 1, timeout: Some(Duration::from_millis(20)), ..ReceiverPolicy::default() };
    bench.receiver_of_claims("polls", policy, |claimed| {
        Run::blocking(move || {
            wait_for(&claimed.cancellation);
            Ok(Success::default())
        })
    });
    let (polls, plain) = (bench.send("polls").await, bench.send("plain").await);
    let working = bench.start();
    working.wait_for(&format!("succeeded plain {plain}")).await;
    working.stop().await;
    assert_eq!(bench.record(polls).await.reason.unwrap(), "failure 1 of 1: timed out after 20ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inner_run_whose_time_is_over_is_told_and_the_outer_one_is_not() {
    let mut bench = Bench::new();
    bench.receiver_of_claims("outer", ReceiverPolicy::default(), |claimed| {
        Run::asynchronous(async move {
            let inner = claimed.cancellation.child_token();
            let hangs = Run::asynchronous(pending());
            let failure = hangs.finish(Some(Duration::from_millis(20)), &inner).await.unwrap_err();
            assert_eq!(failure.reason, "timed out after 20ms");
            assert!(inner.is_cancelled() && !claimed.cancellation.is_cancelled());
            Ok(Success::default())
        })
    });
    let id = bench.send("outer").await;
    let working = bench.start();
    working.wait_for(&format!("succeeded outer {id}")).await;
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_with_an_error_when_told_of_a_stop_is_given_back_unless_it_says_what_should_happen() {
    let mut bench = Bench::new();
    let (begun, mut has_begun) = unbounded_channel();
    let failures: [(_, fn() -> Failure); 3] = [
        ("wraps up", || Failure::new("half of it is done")),
        ("refuses", || Failure::permanent("no such mailbox")),
        ("later", || Failure::retry_after(Duration::from_secs(500), "busy")),
    ];
    for (name, failure) in failures {
        let begun = begun.clone();
        bench.receiver_of_claims(name, ReceiverPolicy::default(), move |claimed| {
            let begun = begun.clone();
            Run::asynchronous(async move {
                begun.send(()).unwrap();
                claimed.cancellation.cancelled().await;
                Err(failure())
            })
        });
    }
    let mut ids = Vec::new();
    for (name, _) in failures {
        ids.push(bench.send(name).await);
    }
    let working = bench.start();
    for _ in failures {
        has_begun.recv().await.unwrap();
    }
    working.stop().await;
    let [wraps_up, refuses, later] =
        [bench.record(ids[0]).await, bench.record(ids[1]).await, bench.record(ids[2]).await];
    assert_eq!((wraps_up.state, wraps_up.attempt, wraps_up.reason), (State::Waiting, 0, None));
    assert_eq!(wraps_up.run_at, wraps_up.created_at);
    assert_eq!(refuses.state, State::Ended(EndState::Dead));
    assert_eq!((later.state, later.attempt, later.run_at - later.created_at), (State::Waiting, 1, 500_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_well_when_told_of_a_stop_has_succeeded() {
    let mut bench = Bench::new();
    let (begun, has_begun) = mpsc::channel();
    bench.receiver_of_claims("polls", ReceiverPolicy::default(), move |claimed| {
        let begun = begun.clone();
        Run::blocking(move || {
            begun.send(()).unwrap();
            wait_for(&claimed.cancellation);
            Ok(Success::default())
        })
    });
    let id = bench.send("polls").await;
    let working = bench.start();
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    working.stop().await;
    assert_eq!(bench.record(id).await.state, State::Ended(EndState::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_lease_is_lost_is_told_and_the_next_one_is_not() {
    let mut bench = Bench::new();
    bench.options.lease = Duration::from_millis(600);
    let (begun, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, has_ended) = (begun.clone(), ended.clone());
    bench.receiver_of_claims("polls", ReceiverPolicy::default(), move |claimed| {
        let (has_begun, has_ended) = (has_begun.clone(), has_ended.clone());
        Run::blocking(move || {
            if claimed.task.attempt == 1 {
                has_begun.notify_one();
                wait_for(&claimed.cancellation);
                has_ended.notify_one();
            }
            assert!(claimed.task.attempt == 1 || !claimed.cancellation.is_cancelled());
            Ok(Success::default())
        })
    });
    let id = bench.send("polls").await;
    let working = bench.start();
    begun.notified().await;
    let neighbour = bench.another_handle();
    loop {
        // By the store's clock a lease passes at once.
        bench.clock.advance(Duration::from_secs(10));
        let rescuer = neighbour.register(Duration::from_secs(5)).await.unwrap().id;
        let request = RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 3 };
        let rescued = neighbour.rescue(&request).await.unwrap();
        neighbour.retire(&rescuer).await.unwrap();
        if !rescued.is_empty() {
            break;
        }
    }
    ended.notified().await;
    working.wait_for(&format!("succeeded polls {id}")).await;
    working.stop().await;
    assert_eq!(bench.record(id).await.attempt, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_dropped_tells_blocking_code() {
    let mut bench = Bench::new();
    let (begun, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, has_ended) = (begun.clone(), ended.clone());
    bench.receiver_of_claims("polls", ReceiverPolicy::default(), move |claimed| {
        let (has_begun, has_ended) = (has_begun.clone(), has_ended.clone());
        Run::blocking(move || {
            has_begun.notify_one();
            wait_for(&claimed.cancellation);
            has_ended.notify_one();
            Ok(Success::default())
        })
    });
    bench.send("polls").await;
    let working = bench.start();
    begun.notified().await;
    working.running.abort();
    ended.notified().await;
}

#[test]
fn blocking_code_whose_time_is_over_before_it_has_begun_never_begins() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (release, released) = mpsc::channel::<()>();
        let occupied = tokio::task::spawn_blocking(move || released.recv());
        let begun = Arc::new(AtomicBool::new(false));
        let begins = begun.clone();
        let run = Run::blocking(move || {
            begins.store(true, SeqCst);
            Ok(Success::default())
        });
        run.finish(Some(Duration::from_millis(5)), &CancellationToken::new()).await.unwrap_err();
        drop(release);
        let _ = occupied.await.unwrap();
        // The one thread takes what was handed to it in order.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert!(!begun.load(SeqCst));
    });
}
