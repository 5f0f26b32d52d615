//! What a worker does around runs.

use crate::{AT_ONCE, Bench, Finished, Log, named};
use signalpost::{
    AsyncSignal, EndState, Event, Failure, Middleware, Next, Outcome, RunningTask, Sender, Signal, State, Success,
    running_task,
};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::sync::Notify;

/// Writes when a run begins, and how it ends.
struct Notes(&'static str, Log);

impl Middleware for Notes {
    async fn run(&self, task: RunningTask, next: Next) -> Result<Success, Failure> {
        let Notes(name, log) = self;
        log.add(format!("{name} before {}", task.receiver));
        let ended = next.run().await;
        let how = ended.as_ref().map_or_else(|failure| failure.reason.as_str(), |_| "success");
        log.add(format!("{name} after {}: {how}", task.receiver));
        ended
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_is_the_outermost_around_async_and_blocking_receivers() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.middleware.order"), Log::default());
    let says = log.clone();
    let asynchronous = move |_: &Event<u32>| {
        let says = says.clone();
        async move { says.add("async runs") }
    };
    signal.connect_background(named("async").priority(1), asynchronous).unwrap();
    signal.connect_background_blocking(named("blocking"), log.writer("blocking runs")).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let worker = bench.worker().concurrency(1).wrap(Notes("outer", log.clone())).wrap(Notes("inner", log.clone()));
    bench.drain_with(worker).await;
    let expected = ["async", "blocking"].map(|receiver| {
        [
            format!("outer before {receiver}"),
            format!("inner before {receiver}"),
            format!("{receiver} runs"),
            format!("inner after {receiver}: success"),
            format!("outer after {receiver}: success"),
        ]
    });
    assert_eq!(log.take(), expected.concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_signals_run_is_wrapped_as_a_whole() {
    let (bench, signal, log) = (Bench::new(), AsyncSignal::<u32>::new("tests.middleware.whole"), Log::default());
    for name in ["tests.middleware.one", "tests.middleware.two"] {
        signal.connect_with(named(name), log.writer(name)).unwrap();
    }
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain_with(bench.worker().wrap(Notes("around", log.clone()))).await;
    let expected = ["around before *", "tests.middleware.one", "tests.middleware.two", "around after *: success"];
    assert_eq!(log.take(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sees_errors_panics_and_timeouts() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.middleware.fails"), Log::default());
    let once = |name| named(name).max_attempts(1);
    signal.connect_background_blocking(once("error").priority(3), |_: &Event<u32>| Err::<(), _>("no mailbox")).unwrap();
    fn panics(_: &Event<u32>) {
        panic!("on a thread")
    }
    signal.connect_background_blocking(once("panic").priority(2), panics).unwrap();
    let hangs = |_: &Event<u32>| std::future::pending::<()>();
    signal.connect_background(once("hangs").timeout(Duration::from_millis(20)), hangs).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain_with(bench.worker().concurrency(1).wrap(Notes("saw", log.clone()))).await;
    let ends: Vec<String> = log.take().into_iter().filter(|line| line.starts_with("saw after")).collect();
    let expected = [
        "saw after error: no mailbox",
        "saw after panic: panicked: on a thread",
        "saw after hangs: timed out after 20ms",
    ];
    assert_eq!(ends, expected);
    let reason = bench.task_of("hangs").await.reason.unwrap();
    assert_eq!(reason, "failure 1 of 1: timed out after 20ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_returns_is_what_counts() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.middleware.turns"));
    for name in ["tests.middleware.refused", "tests.middleware.forgiven", "tests.middleware.skipped"] {
        let options = named(name).backoff(AT_ONCE);
        signal.connect_background_blocking(options, |_: &Event<u32>| Err::<(), _>("401: no such key")).unwrap();
    }
    async fn turns(task: RunningTask, next: Next) -> Result<Success, Failure> {
        match &*task.receiver {
            "tests.middleware.refused" => next.run().await.map_err(|failure| Failure::permanent(failure.reason)),
            "tests.middleware.forgiven" => Ok(next.run().await.unwrap_or_default()),
            _ => Ok(Success::default()),
        }
    }
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain_with(bench.worker().wrap(turns)).await;
    let refused = bench.task_of("tests.middleware.refused").await;
    assert_eq!((refused.state, refused.attempt), (State::Ended(EndState::Dead), 1));
    assert_eq!(refused.reason.as_deref(), Some("401: no such key"));
    for name in ["tests.middleware.forgiven", "tests.middleware.skipped"] {
        assert_eq!(bench.task_of(name).await.state, State::Ended(EndState::Succeeded), "{name}");
    }
}

tokio::task_local! {
    static TENANT: String;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_async_receiver_is_inside_what_it_sets_and_it_is_inside_the_task_itself() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.middleware.tenant"), Log::default());
    let says = log.clone();
    let reads = move |_: &Event<u32>| {
        let says = says.clone();
        async move { says.add(format!("tenant {}", TENANT.with(String::clone))) }
    };
    signal.connect_background(named("tests.middleware.tenant"), reads).unwrap();
    async fn for_tenant(task: RunningTask, next: Next) -> Result<Success, Failure> {
        assert_eq!(running_task().map(|running| running.id), Some(task.id));
        TENANT.scope(format!("of task {}", task.id), next.run()).await
    }
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain_with(bench.worker().wrap(for_tenant)).await;
    let task = bench.task_of("tests.middleware.tenant").await;
    assert_eq!(log.take(), [format!("tenant of task {}", task.id)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_code_that_outlives_its_time_keeps_its_place_inside_it_too() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.middleware.place"));
    let (release, released) = mpsc::channel::<()>();
    let (released, begun) = (Mutex::new(released), Arc::new(AtomicBool::new(false)));
    let begins = begun.clone();
    let hangs = move |_: &Event<u32>| {
        begins.store(true, SeqCst);
        let _ = released.lock().unwrap().recv();
    };
    let options = named("tests.middleware.hangs").max_attempts(1).timeout(Duration::from_millis(20));
    signal.connect_background_blocking(options, hangs).unwrap();
    let mut finished = Finished::of(signal.name());
    let pass_on = |_: RunningTask, next: Next| next.run();
    let working = bench.start(bench.worker().concurrency(1).wrap(pass_on));
    // One whose time is over before it has begun never begins.
    while !begun.load(SeqCst) {
        bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
        assert!(matches!(finished.next().await.outcome, Outcome::Dead { .. }));
    }
    signal.disconnect_background("tests.middleware.hangs");
    signal.connect_background_blocking(named("tests.middleware.waits"), |_: &Event<u32>| ()).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    // It was claimed, and not started: the one place is taken.
    assert_eq!(finished.next().await.outcome, Outcome::Released);
    drop(release);
    assert_eq!(finished.next().await.outcome, Outcome::Succeeded { result: None });
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_whose_grace_is_over_drops_what_is_inside() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.middleware.dropped"), Log::default());
    static BEGUN: Notify = Notify::const_new();
    let hangs = |_: &Event<u32>| async {
        BEGUN.notify_one();
        std::future::pending::<()>().await;
    };
    signal.connect_background(named("tests.middleware.dropped"), hangs).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let worker = bench.worker().grace(Duration::from_millis(20)).wrap(Notes("around", log.clone()));
    let working = bench.start(worker);
    BEGUN.notified().await;
    working.stop().await;
    assert_eq!(log.take(), ["around before tests.middleware.dropped"]);
    let task = bench.task_of("tests.middleware.dropped").await;
    assert_eq!((task.state, task.attempt), (State::Waiting, 0));
}
