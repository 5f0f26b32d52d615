//! Receivers that fail, and rows that cannot be run.

use crate::{AT_ONCE, Bench, Finished, Log, named};
use signalpost::{
    BoxError, EndState, Event, Outcome, Permanent, RetryAfter, Sender, Signal, State, TaskRecord, running_task,
};
use signalpost_store::ManualClock;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

fn attempt() -> u32 {
    running_task().unwrap().attempt
}

fn is_dead_after(task: &TaskRecord, attempts: u32) -> String {
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Dead), attempts), "{task:?}");
    task.reason.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_receiver_is_retried_until_it_succeeds() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.failing.flaky"));
    let flaky = |_: &Event<u32>| if attempt() < 3 { Err("not yet") } else { Ok(()) };
    signal.connect_background_blocking(named("tests.failing.flaky").backoff(AT_ONCE), flaky).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of("tests.failing.flaky").await;
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Succeeded), 3));
}

#[derive(Debug)]
struct Sending(std::num::ParseIntError);

impl fmt::Display for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the mail was not sent")
    }
}

impl Error for Sending {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_used_up_its_attempts_is_dead_with_the_chain_of_causes_as_the_reason() {
    let (bench, signal) = (Bench::new(), Signal::<String>::new("tests.failing.causes"));
    let fails = |event: &Event<String>| event.payload.parse::<u8>().map(drop).map_err(Sending);
    let options = named("tests.failing.causes").max_attempts(2).backoff(AT_ONCE);
    signal.connect_background_blocking(options, fails).unwrap();
    bench.within(signal.asend(Sender::NONE, &"seven".to_owned())).await.unwrap();
    bench.drain().await;
    let reason = is_dead_after(&bench.task_of("tests.failing.causes").await, 2);
    assert_eq!(reason, "failure 2 of 2: the mail was not sent: invalid digit found in string");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_error_is_not_retried() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.failing.permanent"));
    async fn refuses(_: &Event<'_, u32>) -> Result<(), BoxError> {
        Err(Permanent::new("the order has no card").into())
    }
    signal.connect_background(named("tests.failing.refuses"), refuses).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let reason = is_dead_after(&bench.task_of("tests.failing.refuses").await, 1);
    assert_eq!(reason, "the order has no card");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_can_say_when_it_wants_to_be_tried_again() {
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let (bench, signal) =
        (Bench::with(|options| options.clock(clock.clone())), Signal::<u32>::new("tests.failing.later"));
    let later = |_: &Event<u32>| match attempt() {
        1 => Err(RetryAfter::new(Duration::from_secs(500), "slow down")),
        _ => Ok(()),
    };
    signal.connect_background_blocking(named("tests.failing.later"), later).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let (mut finished, working) = (Finished::of(signal.name()), bench.start(bench.worker()));
    let expected = Outcome::Retry { after: Duration::from_secs(500), reason: "slow down".to_owned() };
    assert_eq!(finished.next().await.outcome, expected);
    let task = bench.task_of("tests.failing.later").await;
    assert_eq!((task.state, task.run_at - task.created_at), (State::Waiting, 500_000));
    working.stop().await;
    clock.advance(Duration::from_secs(500));
    bench.drain().await;
    assert_eq!(bench.task_of("tests.failing.later").await.state, State::Ended(EndState::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failure_and_others_go_on() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.failing.panics"), Log::default());
    let once = |name| named(name).max_attempts(1);
    fn panics_blocking(_: &Event<u32>) {
        panic!("on a thread")
    }
    signal.connect_background_blocking(once("tests.failing.panics"), panics_blocking).unwrap();
    async fn panics(event: &Event<'_, u32>) {
        panic!("with {}", event.payload)
    }
    signal.connect_background(once("tests.failing.panics.async"), panics).unwrap();
    signal.connect_background_blocking(named("tests.failing.calm"), log.writer("calm")).unwrap();
    bench.within(signal.asend(Sender::NONE, &4)).await.unwrap();
    bench.drain().await;
    let blocking = is_dead_after(&bench.task_of("tests.failing.panics").await, 1);
    let asynchronous = is_dead_after(&bench.task_of("tests.failing.panics.async").await, 1);
    assert_eq!(blocking, "failure 1 of 1: panicked: on a thread");
    assert_eq!(asynchronous, "failure 1 of 1: panicked: with 4");
    assert_eq!(log.take(), ["calm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_takes_too_long_has_failed() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.failing.hangs"));
    let hangs = |_: &Event<u32>| std::future::pending::<()>();
    let options = named("tests.failing.hangs").max_attempts(1).timeout(Duration::from_millis(20));
    signal.connect_background(options, hangs).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let reason = is_dead_after(&bench.task_of("tests.failing.hangs").await, 1);
    assert_eq!(reason, "failure 1 of 1: timed out after 20ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_cannot_be_read_is_dead_at_once_and_others_go_on() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Print {
        copies: Vec<u32>,
    }
    let (bench, signal, log) = (Bench::new(), Signal::<Print>::new("tests.failing.unreadable"), Log::default());
    signal.connect_background_blocking(named("tests.failing.print"), log.writer("printed")).unwrap();
    let print = Print { copies: vec![1, 2] };
    for damage in [r#"{"copies":[1,"many"]}"#, r#"{"copies":[1"#, "[]", ""] {
        bench.within(signal.asend(Sender::NONE, &print)).await.unwrap();
        bench.tamper(&format!("UPDATE signalpost_task SET payload = '{damage}' WHERE payload LIKE '%[1,2]%'"));
    }
    bench.within(signal.asend(Sender::NONE, &print)).await.unwrap();
    bench.drain().await;
    assert_eq!(log.take(), ["printed"]);
    let tasks = bench.tasks().await;
    let reasons: Vec<String> = tasks[..4].iter().map(|task| is_dead_after(task, 1)).collect();
    assert!(reasons[0].starts_with("the payload at $.copies[1] cannot be read: invalid type: string"), "{reasons:?}");
    assert!(reasons[1].starts_with("the payload at $.copies"), "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason.contains("cannot be read")), "{reasons:?}");
    assert_eq!(tasks[4].state, State::Ended(EndState::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_nobody_knows_is_dead_after_its_grace_and_others_go_on() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.failing.renamed"), Log::default());
    signal.connect_background_blocking(named("tests.failing.old"), log.writer("old")).unwrap();
    signal.connect_background_blocking(named("tests.failing.new"), log.writer("new")).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    assert!(signal.disconnect_background("tests.failing.old"));
    assert!(!signal.disconnect_background("tests.failing.old"));
    bench.drain_with(bench.worker().unknown_grace(Duration::ZERO)).await;
    assert_eq!(log.take(), ["new"]);
    let reason = is_dead_after(&bench.task_of("tests.failing.old").await, 1);
    assert!(reason.starts_with("no receiver named `tests.failing.old` is registered; no worker"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_known_receiver_under_another_signal_is_not_run() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.failing.right"), Log::default());
    signal.connect_background_blocking(named("tests.failing.one"), log.writer("ran")).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.tamper("UPDATE signalpost_task SET signal = 'tests.failing.wrong'");
    bench.drain_with(bench.worker().unknown_grace(Duration::ZERO)).await;
    assert!(log.take().is_empty());
    let reason = is_dead_after(&bench.task_of("tests.failing.one").await, 1);
    let expected = "receiver `tests.failing.one` is registered for signal `tests.failing.right`, not for \
                    `tests.failing.wrong`";
    assert!(reason.starts_with(expected), "{reason}");
}
