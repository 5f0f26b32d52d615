//! Receivers that fail, and tasks that cannot be run.

use crate::Bench;
use signalpost_store::{EndState, State};
use signalpost_worker::{Backoff, Failure, ReceiverPolicy, Run, Success, WorkerError, WorkerOptions};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Duration;

const AT_ONCE: Backoff = Backoff { first: Duration::ZERO, longest: Duration::ZERO };

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_receiver_is_retried_until_it_succeeds() {
    let mut bench = Bench::new();
    let policy = ReceiverPolicy { backoff: AT_ONCE, ..ReceiverPolicy::default() };
    bench.receiver("flaky", policy, |task| {
        Run::asynchronous(async move {
            if task.attempt < 4 { Err(Failure::new("not yet")) } else { Ok(Success::default()) }
        })
    });
    let id = bench.send("flaky").await;
    let working = bench.start();
    working.wait_for(&format!("succeeded flaky {id}")).await;
    working.stop().await;
    assert_eq!(bench.record(id).await.attempt, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_dead_when_its_attempts_are_used_up() {
    let mut bench = Bench::new();
    let policy = ReceiverPolicy { backoff: AT_ONCE, max_attempts: 3, ..ReceiverPolicy::default() };
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    bench.receiver("fails", policy, move |_| {
        counted.fetch_add(1, SeqCst);
        Run::asynchronous(async { Err(Failure::new("no mailbox \0 there")) })
    });
    let id = bench.send("fails").await;
    let working = bench.start();
    working.wait_for(&format!("dead fails {id}")).await;
    working.stop().await;
    let record = bench.record(id).await;
    assert_eq!((record.state, runs.load(SeqCst)), (State::Ended(EndState::Dead), 3));
    assert_eq!(record.reason.as_deref(), Some("failure 3 of 3: no mailbox \u{fffd} there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_failure_is_dead_at_once_and_others_go_on() {
    let mut bench = Bench::new();
    bench.plain("plain");
    bench.receiver("refuses", ReceiverPolicy::default(), |_| {
        Run::asynchronous(async { Err(Failure::permanent("the payload at $.id cannot be read")) })
    });
    let (refused, plain) = (bench.send("refuses").await, bench.send("plain").await);
    let working = bench.start();
    working.wait_for(&format!("succeeded plain {plain}")).await;
    working.stop().await;
    let record = bench.record(refused).await;
    assert_eq!((record.state, record.attempt), (State::Ended(EndState::Dead), 1));
    assert_eq!(record.reason.as_deref(), Some("the payload at $.id cannot be read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_can_ask_to_be_retried_later() {
    let mut bench = Bench::new();
    bench.receiver("later", ReceiverPolicy::default(), |task| {
        Run::asynchronous(async move {
            match task.attempt {
                1 => Err(Failure::retry_after(Duration::from_secs(500), "busy")),
                _ => Ok(Success::default()),
            }
        })
    });
    let id = bench.send("later").await;
    let working = bench.start();
    working.wait_for(&format!("will be retried later {id}")).await;
    let record = bench.record(id).await;
    assert_eq!((record.state, record.reason.as_deref()), (State::Waiting, Some("busy")));
    assert_eq!(record.run_at - record.created_at, 500_000);
    bench.clock.advance(Duration::from_secs(500));
    working.wait_for(&format!("succeeded later {id}")).await;
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failure_and_others_go_on() {
    let mut bench = Bench::new();
    bench.plain("plain");
    let once = ReceiverPolicy { max_attempts: 1, ..ReceiverPolicy::default() };
    bench.receiver("panics", once, |task| Run::asynchronous(async move { panic!("task {}", task.id) }));
    bench.receiver("panics blocking", once, |_| Run::blocking(|| panic!("on a thread")));
    let (first, second, plain) =
        (bench.send("panics").await, bench.send("panics blocking").await, bench.send("plain").await);
    let working = bench.start();
    // To be told of a panic takes a while: what ends with an error during a stop would be given back.
    while !bench.store.counts().await.unwrap().is_idle() {
        tokio::task::yield_now().await;
    }
    working.stop().await;
    assert_eq!(bench.record(plain).await.state, State::Ended(EndState::Succeeded));
    assert_eq!(bench.record(first).await.reason.unwrap(), format!("failure 1 of 1: panicked: task {first}"));
    assert_eq!(bench.record(second).await.reason.unwrap(), "failure 1 of 1: panicked: on a thread");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_returns_times_out() {
    let mut bench = Bench::new();
    bench.options.concurrency = 2;
    bench.plain("plain");
    let policy =
        ReceiverPolicy { max_attempts: 1, timeout: Some(Duration::from_millis(50)), ..ReceiverPolicy::default() };
    bench.receiver("hangs", policy, |_| Run::asynchronous(pending()));
    let (hanging, plain) = (bench.send("hangs").await, bench.send("plain").await);
    let working = bench.start();
    working.wait_for(&format!("dead hangs {hanging}")).await;
    assert_eq!(bench.record(hanging).await.reason.unwrap(), "failure 1 of 1: timed out after 50ms");
    assert_eq!(bench.record(plain).await.state, State::Ended(EndState::Succeeded));
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_code_that_never_returns_keeps_its_slot_and_its_result_is_refused() {
    let mut bench = Bench::new();
    bench.options.concurrency = 2;
    bench.plain("plain");
    let policy =
        ReceiverPolicy { max_attempts: 1, timeout: Some(Duration::from_millis(50)), ..ReceiverPolicy::default() };
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(Some(released));
    bench.receiver("hangs", policy, move |_| {
        let released = released.lock().unwrap().take().unwrap();
        Run::blocking(move || {
            let _ = released.recv();
            Ok(Success::default().with_result("1"))
        })
    });
    let hanging = bench.send("hangs").await;
    let working = bench.start();
    working.wait_for(&format!("dead hangs {hanging}")).await;
    // One slot is left, and enough.
    let plain = bench.send("plain").await;
    working.wait_for(&format!("succeeded plain {plain}")).await;
    drop(release);
    working.stop().await;
    let record = bench.record(hanging).await;
    assert_eq!((record.state, record.result), (State::Ended(EndState::Dead), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_receiver_waits_and_is_dead_after_its_grace() {
    let mut bench = Bench::new();
    bench.plain("plain");
    bench.options.unknown_grace = Duration::from_secs(600);
    let (unknown, plain) = (bench.send("renamed").await, bench.send("plain").await);
    let working = bench.start();
    working.wait_for(&format!("succeeded plain {plain}")).await;
    let record = bench.record(unknown).await;
    assert_eq!((record.state, record.attempt), (State::Waiting, 0));
    assert_eq!(record.reason.as_deref(), Some("no receiver named `renamed` is registered"));
    bench.clock.advance(Duration::from_secs(600));
    working.wait_for(&format!("dead renamed {unknown}")).await;
    let reason = bench.record(unknown).await.reason.unwrap();
    assert_eq!(reason, "no receiver named `renamed` is registered; no worker that knows it has come within 600s");
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_receiver_runs_when_a_worker_knows_it() {
    let mut bench = Bench::new();
    bench.options.unknown_grace = Duration::from_secs(600);
    let id = bench.send("new").await;
    let old = bench.start();
    old.wait_for(&format!("deferred new {id}")).await;
    old.stop().await;
    bench.plain("new");
    let new = bench.start();
    bench.clock.advance(Duration::from_secs(60));
    new.wait_for(&format!("succeeded new {id}")).await;
    new.stop().await;
    assert_eq!(bench.record(id).await.attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_damaged_headers_is_dead_and_others_go_on() {
    let mut bench = Bench::new();
    bench.plain("plain");
    let damaged = bench.send("plain").await;
    bench.tamper("UPDATE signalpost_task SET headers = '{\"a\":'");
    let plain = bench.send("plain").await;
    let working = bench.start();
    working.wait_for(&format!("succeeded plain {plain}")).await;
    working.stop().await;
    let record = bench.record(damaged).await;
    assert_eq!(record.state, State::Ended(EndState::Dead));
    assert_eq!(record.reason.unwrap(), "its headers are not a JSON object of texts");
}

#[test]
fn options_that_make_no_sense_are_refused_with_what_would() {
    fn refused(change: fn(&mut WorkerOptions)) -> String {
        let bench = Bench::new();
        let mut options = WorkerOptions::default();
        change(&mut options);
        let functions = crate::Functions {
            known: Default::default(),
            events: tokio::sync::mpsc::unbounded_channel().0,
            capacity: crate::unlimited(),
        };
        match signalpost_worker::Worker::new(bench.store.clone(), Arc::new(functions), options) {
            Err(WorkerError::Options(problem)) => problem,
            _ => panic!("not refused"),
        }
    }
    assert!(refused(|options| options.queues.clear()).contains("name at least one"));
    assert!(refused(|options| options.concurrency = 0).contains("give at least 1"));
    assert!(refused(|options| options.lease = Duration::ZERO).contains("give at least 300 ms"));
    assert!(refused(|options| options.sweep = Duration::ZERO).contains("give milliseconds"));
    assert!(refused(|options| options.max_deaths_alone = 0).contains("give at least 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_longer_than_any_time_holds_up_nobody() {
    let mut bench = Bench::new();
    bench.plain("plain");
    bench.receiver("never", ReceiverPolicy::default(), |_| {
        Run::asynchronous(async { Err(Failure::retry_after(Duration::MAX, "some day")) })
    });
    let never = bench.send("never").await;
    let working = bench.start();
    working.wait_for(&format!("will be retried never {never}")).await;
    let plain = bench.send("plain").await;
    working.wait_for(&format!("succeeded plain {plain}")).await;
    working.stop().await;
    assert_eq!(bench.record(never).await.state, State::Waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_the_store_refuses_is_dead_and_the_others_get_through() {
    let mut bench = Bench::new();
    bench.plain("plain");
    bench.tamper(
        "CREATE TRIGGER refuse BEFORE INSERT ON signalpost_history
         WHEN NEW.receiver = 'refused' AND NEW.state = 'succeeded'
         BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END;",
    );
    bench.plain("refused");
    let ids = [bench.send("plain").await, bench.send("refused").await, bench.send("plain").await];
    let working = bench.start();
    working.wait_for(&format!("dead refused {}", ids[1])).await;
    working.stop().await;
    for id in [ids[0], ids[2]] {
        assert_eq!(bench.record(id).await.state, State::Ended(EndState::Succeeded));
    }
    let reason = bench.record(ids[1]).await.reason.unwrap();
    assert!(reason.contains("could not be recorded") && reason.contains("refused by a trigger"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_the_store_refuses_in_any_form_does_not_hold_up_the_others() {
    let mut bench = Bench::new();
    bench.options.grace = Duration::from_millis(20);
    bench.plain("plain");
    bench.plain("refused");
    bench.tamper(
        "CREATE TRIGGER refuse BEFORE INSERT ON signalpost_history WHEN NEW.receiver = 'refused'
         BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END;",
    );
    let refused = bench.send("refused").await;
    let working = bench.start();
    for _ in 0..3 {
        let plain = bench.send("plain").await;
        working.wait_for(&format!("succeeded plain {plain}")).await;
    }
    assert_eq!(bench.record(refused).await.state, State::Running);
    working.stop().await;
    assert_eq!(bench.record(refused).await.state, State::Waiting, "given back at the stop");
}
