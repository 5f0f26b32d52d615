//! Runs that are told to wrap up.

use crate::{AT_ONCE, Bench, Log, named};
use signalpost::{AsyncSignal, BoxError, EndState, Event, RunningTask, Sender, Signal, State, receiver, running_task};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;
use tokio::sync::Notify;

static LISTED: Signal<u32> = Signal::new("tests.cancelling.listed");
static BEGUN: Notify = Notify::const_new();
static LINES: LazyLock<Log> = LazyLock::new(Log::default);

#[receiver(LISTED, background, queue = "lists", name = "tests.cancelling.list")]
async fn list(event: Event<'_, u32>, task: RunningTask) -> Result<(), BoxError> {
    BEGUN.notify_one();
    task.cancellation().cancelled().await;
    LINES.add(format!("wraps up {} of {}", event.payload, task.signal));
    Err("half of it is done".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_a_stop_makes_wrap_up_is_given_back() {
    let bench = Bench::new();
    bench.within(LISTED.asend(Sender::NONE, &7)).await.unwrap();
    let working = bench.start(bench.worker().queues(["lists"]));
    BEGUN.notified().await;
    working.stop().await;
    assert_eq!(LINES.take(), ["wraps up 7 of tests.cancelling.listed"]);
    let task = bench.task_of("tests.cancelling.list").await;
    assert_eq!((task.state, task.attempt, task.deaths, task.reason), (State::Waiting, 0, 0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_code_can_ask_whether_its_time_is_over() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.cancelling.blocking"));
    let noticed = Arc::new(AtomicBool::new(false));
    let notices = noticed.clone();
    // Its time may be over before it has begun, and then it never begins.
    let polls = move |_: &Event<u32>| {
        let task = running_task().unwrap();
        while !notices.load(SeqCst) && !task.cancellation().is_cancelled() {
            thread::park_timeout(Duration::from_millis(1));
        }
        notices.store(true, SeqCst);
    };
    let options = named("tests.cancelling.blocking").max_attempts(1000).backoff(AT_ONCE);
    signal.connect_background_blocking(options.timeout(Duration::from_millis(20)), polls).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of("tests.cancelling.blocking").await;
    assert_eq!((task.state, task.reason.as_deref()), (State::Ended(EndState::Succeeded), Some("timed out after 20ms")));
    assert!(noticed.load(SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_background_signals_receivers_only_the_one_whose_time_is_over_is_told() {
    let (bench, signal, log) = (Bench::new(), AsyncSignal::<u32>::new("tests.cancelling.beside"), Log::default());
    let told = Arc::new(Notify::new());
    let (says, tells) = (log.clone(), told.clone());
    let slow = move |_: &Event<u32>| {
        let (task, says, tells) = (running_task().unwrap(), says.clone(), tells.clone());
        async move {
            // What it has spawned goes on without it, and hears of it.
            tokio::spawn(async move {
                task.cancellation().cancelled().await;
                says.add("slow is told");
                tells.notify_one();
            });
            std::future::pending::<()>().await;
        }
    };
    let (says, hears) = (log.clone(), told.clone());
    let patient = move |_: &Event<u32>| {
        let (task, says, hears) = (running_task().unwrap(), says.clone(), hears.clone());
        async move {
            hears.notified().await;
            says.add(format!("patient is told: {}", task.cancellation().is_cancelled()));
        }
    };
    let options = named("tests.cancelling.slow").max_attempts(1).timeout(Duration::from_millis(20));
    signal.connect_async_with(options, slow).unwrap();
    signal.connect_async_with(named("tests.cancelling.patient"), patient).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    // The slow one follows as a task of its own, and is as slow there.
    bench.drain().await;
    assert_eq!(log.take()[..2], ["slow is told", "patient is told: false"]);
}
