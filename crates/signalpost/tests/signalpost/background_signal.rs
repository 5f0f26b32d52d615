//! Background signals: one task per send, whatever the number of receivers.

use crate::{AT_ONCE, Bench, Finished, Log, Shop, named};
use signalpost::{
    AsyncSignal, EndState, Event, REQUEST_FINISHED, REQUEST_STARTED, RequestFinished, RequestStarted, SendOptions,
    Sender, Sent, Signal, State, receiver, running_task,
};
use std::sync::LazyLock;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_send_writes_one_row_and_a_worker_runs_all_receivers_in_order() {
    let (bench, signal, log) = (Bench::new(), AsyncSignal::<u32>::new("tests.async.five"), Log::default());
    for name in ["one", "two", "three", "four", "five"] {
        signal.connect_with(named(name), log.writer(name)).unwrap();
    }
    let sent = bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let Sent::Queued(send_id) = sent else { panic!("{sent:?}") };
    assert!(log.take().is_empty());
    let tasks = bench.tasks().await;
    assert_eq!(tasks.len(), 1);
    assert_eq!((&*tasks[0].receiver, &*tasks[0].queue, &tasks[0].send_id), ("*", "default", &send_id.to_string()));
    bench.drain().await;
    assert_eq!(log.take(), ["one", "two", "three", "four", "five"]);
    let tasks = bench.tasks().await;
    assert_eq!((tasks.len(), tasks[0].state), (1, State::Ended(EndState::Succeeded)));
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_receivers_run_before_async_ones() {
    let (bench, signal, log) = (Bench::new(), AsyncSignal::<u32>::new("tests.async.kinds"), Log::default());
    let seen = log.clone();
    let asynchronous = move |event: &Event<u32>| {
        let (log, payload) = (seen.clone(), *event.payload);
        async move { log.add(format!("async {payload}")) }
    };
    signal.connect_async_with(named("tests.async.kinds.async"), asynchronous).unwrap();
    signal.connect_with(named("tests.async.kinds.blocking"), log.writer("blocking")).unwrap();
    bench.within_blocking(|| signal.send(Sender::NONE, &6)).unwrap();
    bench.drain().await;
    assert_eq!(log.take(), ["blocking", "async 6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_without_receivers_here_is_written_all_the_same() {
    let (bench, signal) = (Bench::new(), AsyncSignal::<u32>::new("tests.async.nobody"));
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain_with(bench.worker().unknown_grace(Duration::ZERO)).await;
    let reason = bench.tasks().await[0].reason.clone().unwrap();
    let expected = "no receiver of the background signal `tests.async.nobody` is registered";
    assert!(reason.starts_with(expected), "{reason}");
}

static QUEUED: AsyncSignal<u32> = AsyncSignal::new("tests.async.declared").queue("high_priority");
static PLAIN: Signal<u32> = Signal::new("tests.async.plain");
static HEARD: LazyLock<Log> = LazyLock::new(Log::default);

#[receiver([QUEUED, PLAIN])]
fn on_both(event: &Event<u32>) {
    HEARD.add(format!("{} {}", event.signal, event.payload));
}

#[receiver(QUEUED)]
async fn on_one(event: &Event<'_, u32>) {
    HEARD.add(format!("async {}", event.payload));
}

#[receiver(QUEUED, background, name = "declared in full", max_attempts = 1)]
fn in_full(event: Event<'_, u32>) {
    HEARD.add(format!("in full {}", event.payload));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_function_can_listen_to_both_kinds_of_signal() {
    let bench = Bench::new();
    bench
        .within(async {
            PLAIN.asend(Sender::NONE, &1).await.unwrap();
            assert_eq!(HEARD.take(), ["tests.async.plain 1"]);
            QUEUED.asend(Sender::NONE, &2).await.unwrap();
        })
        .await;
    assert!(HEARD.take().is_empty());
    assert_eq!(bench.task_of("*").await.queue, "high_priority");
    assert_eq!(QUEUED.receivers().len(), 3);
    bench.drain_with(bench.worker().queues(["high_priority"])).await;
    assert_eq!(HEARD.take(), ["tests.async.declared 2", "in full 2", "async 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_another_queue_does_not_take_it() {
    let (bench, log) = (Bench::new(), Log::default());
    let urgent = AsyncSignal::<u32>::new("tests.async.urgent").queue("urgent");
    let plain = AsyncSignal::<u32>::new("tests.async.usual");
    urgent.connect_with(named("tests.async.urgent"), log.writer("urgent")).unwrap();
    plain.connect_with(named("tests.async.usual"), log.writer("usual")).unwrap();
    bench
        .within(async {
            urgent.asend(Sender::NONE, &1).await.unwrap();
            plain.asend(Sender::NONE, &1).await.unwrap();
        })
        .await;
    let (mut finished, working) = (Finished::of(plain.name()), bench.start(bench.worker()));
    finished.next().await;
    working.stop().await;
    assert_eq!((log.take(), bench.tasks().await[0].state), (vec!["usual".to_owned()], State::Waiting));
    bench.drain_with(bench.worker().queues(["urgent"])).await;
    assert_eq!(log.take(), ["urgent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_stops_nobody_and_is_retried_as_a_task_of_its_own() {
    const NAME: &str = "tests.async.fails";
    let (bench, signal, log) = (Bench::new(), AsyncSignal::<u32>::new(NAME), Log::default());
    let seen = log.clone();
    let flaky = move |event: &Event<u32>| {
        let task = running_task().unwrap();
        seen.add(format!("{} {} from {:?}", task.receiver, event.payload, event.sender.as_label()));
        if task.receiver == "*" || task.attempt == 1 { Err("the printer is off") } else { Ok(()) }
    };
    signal.connect_with(named("tests.async.fails.flaky").backoff(AT_ONCE), flaky).unwrap();
    signal.connect_with(named("tests.async.fails.after"), log.writer("after")).unwrap();
    async fn panics(_: &Event<'_, u32>) {
        panic!("out of paper")
    }
    let options = named("tests.async.fails.panics").backoff(AT_ONCE).max_attempts(1);
    signal.connect_async_with(options, panics).unwrap();
    bench.within(signal.asend("desk", &8)).await.unwrap();
    bench.drain().await;
    let flaky = r#"8 from Some("desk")"#;
    let own = format!("tests.async.fails.flaky {flaky}");
    assert_eq!(log.take(), [format!("* {flaky}"), "after".to_owned(), own.clone(), own]);
    let tasks = bench.tasks().await;
    let states: Vec<_> = tasks.iter().map(|task| (&*task.receiver, task.state, task.attempt)).collect();
    assert_eq!(
        states,
        [
            ("*", State::Ended(EndState::Succeeded), 1),
            ("tests.async.fails.flaky", State::Ended(EndState::Succeeded), 2),
            ("tests.async.fails.panics", State::Ended(EndState::Dead), 1),
        ]
    );
    assert_eq!(tasks[1].reason.as_deref(), Some("the printer is off"));
    assert!(tasks[2].reason.as_deref().unwrap().ends_with("panicked: out of paper"));
    assert!(tasks[1..].iter().all(|task| task.parent == Some(tasks[0].id) && task.send_id == tasks[0].send_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_cannot_be_read_ends_dead_in_each_receivers_own_task() {
    let (bench, signal, log) = (Bench::new(), AsyncSignal::<u32>::new("tests.async.unreadable"), Log::default());
    for name in ["tests.async.unreadable.a", "tests.async.unreadable.b"] {
        signal.connect_with(named(name).backoff(AT_ONCE), log.writer(name)).unwrap();
    }
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.tamper("UPDATE signalpost_task SET payload = '[\"one\"'");
    bench.drain().await;
    assert!(log.take().is_empty());
    let tasks = bench.tasks().await;
    assert_eq!(tasks.len(), 3);
    for task in &tasks[1..] {
        assert_eq!((task.state, task.attempt), (State::Ended(EndState::Dead), 1));
        assert!(task.reason.as_deref().unwrap().contains("cannot be read"), "{task:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_of_a_background_signal_hear_their_sender_only() {
    let (bench, signal, log) = (Bench::new(), AsyncSignal::<u32>::new("tests.async.filter"), Log::default());
    signal.connect_with(named("tests.async.shop").sender(Sender::of::<Shop>()), log.writer("shop")).unwrap();
    signal.connect_with(named("tests.async.any"), log.writer("any")).unwrap();
    bench
        .within(async {
            signal.asend("desk", &1).await.unwrap();
            bench.drain().await;
            assert_eq!(log.take(), ["any"]);
            signal.asend(Sender::of::<Shop>(), &1).await.unwrap();
        })
        .await;
    bench.drain().await;
    assert_eq!(log.take(), ["shop", "any"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_twice_runs_once_and_disconnecting_ends_it() {
    fn ignore(_: &Event<u32>) {}
    let signal = AsyncSignal::<u32>::new("tests.async.twice");
    for _ in 0..2 {
        signal.connect(ignore).unwrap();
    }
    assert_eq!(signal.receivers().len(), 1);
    assert!(signal.disconnect(ignore));
    assert!(!signal.disconnect(ignore));
    assert!(signal.receivers().is_empty());
}

#[test]
fn a_background_signal_has_listeners_where_a_receiver_hears_the_sender() {
    let signal = AsyncSignal::<u32>::new("tests.async.listeners");
    assert!(!signal.has_listeners(&Sender::NONE));
    let options = named("tests.async.listeners").sender(Sender::of::<Shop>());
    signal.connect_with(options, |_: &Event<u32>| ()).unwrap();
    assert!(signal.has_listeners(&Sender::of::<Shop>()) && !signal.has_listeners(&"desk".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_can_be_told_of_in_the_background() {
    let (bench, log) = (Bench::new(), Log::default());
    let (started, finished) = (log.clone(), log.clone());
    let note = move |event: &Event<RequestStarted>| started.add(event.payload.path.clone());
    REQUEST_STARTED.connect_with(named("tests.async.request_started"), note).unwrap();
    let note = move |event: &Event<RequestFinished>| finished.add(event.payload.status.to_string());
    REQUEST_FINISHED.connect_with(named("tests.async.request_finished"), note).unwrap();
    bench
        .within(async {
            let request = RequestStarted { host: "example.org".to_owned(), path: "/harbour".to_owned() };
            REQUEST_STARTED.asend(Sender::NONE, &request).await.unwrap();
            REQUEST_FINISHED.asend(Sender::NONE, &RequestFinished { path: request.path, status: 200 }).await.unwrap();
        })
        .await;
    assert!(log.take().is_empty());
    bench.drain_with(bench.worker().concurrency(1)).await;
    assert_eq!(log.take(), ["/harbour", "200"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_priority_of_a_send_survives_the_first_failure() {
    let (bench, signal) = (Bench::new(), AsyncSignal::<u32>::new("tests.async.priority"));
    let fails = |_: &Event<u32>| Err::<(), _>("the printer is off");
    signal.connect_with(named("tests.async.priority").backoff(AT_ONCE).max_attempts(1), fails).unwrap();
    bench.within(signal.with(SendOptions::new().priority(7)).asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let priorities: Vec<_> = bench.tasks().await.into_iter().map(|task| (task.receiver, task.priority)).collect();
    assert_eq!(priorities, [("*".to_owned(), 7), ("tests.async.priority".to_owned(), 7)]);
}

#[test]
fn a_receiver_of_a_background_signal_has_no_queue_or_priority_of_its_own() {
    let signal = AsyncSignal::<u32>::new("tests.async.options");
    for options in [named("tests.async.options").queue("mail"), named("tests.async.options").priority(3)] {
        let error = signal.connect_with(options, |_: &Event<u32>| ()).unwrap_err().to_string();
        assert!(error.contains("give the queue to the signal, with AsyncSignal::queue"), "{error}");
        assert!(error.contains("background_signal.rs"), "{error}");
    }
}
