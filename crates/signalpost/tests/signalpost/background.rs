//! Background receivers: what a send writes for them, and how a worker runs them.

use crate::{Bench, Finished, Log, Shop, named};
use signalpost::{
    BoxError, EndState, Event, Response, Sender, Signal, State, TASK_STARTED, TaskStarted, receiver, sender, with_store,
};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use tokio::sync::Notify;

static OPENED: Signal<u32> = Signal::new("tests.background.opened");
static CLOSED: Signal<u32> = Signal::new("tests.background.closed");
static DOORS: LazyLock<Log> = LazyLock::new(Log::default);

#[receiver([OPENED, CLOSED], background, sender = sender::<Shop>(), name = "doors", priority = 5, max_attempts = 3)]
fn doors(event: Event<'_, u32>) {
    DOORS.add(format!("{} {}", event.signal, event.payload));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_function_listens_to_several_signals_with_the_options_of_an_inline_receiver() {
    let bench = Bench::new();
    bench
        .within(async {
            OPENED.asend(Sender::of::<Shop>(), &1).await.unwrap();
            CLOSED.asend(Sender::of::<Shop>(), &2).await.unwrap();
            assert!(CLOSED.asend(Sender::NONE, &3).await.unwrap().is_empty());
        })
        .await;
    bench.drain_with(bench.worker().concurrency(1)).await;
    assert_eq!(DOORS.take(), ["tests.background.opened 1", "tests.background.closed 2"]);
}

static DOUBLED: Signal<u32, u32> = Signal::new("tests.background.doubled");

#[receiver(DOUBLED, background)]
async fn doubles_later(event: &Event<'_, u32>) -> Result<u32, BoxError> {
    event.payload.checked_mul(2).ok_or_else(|| "too large".into())
}

#[receiver(DOUBLED)]
fn doubles_now(event: &Event<u32>) -> u32 {
    event.payload * 2
}

#[tokio::test]
async fn a_declared_function_can_still_be_called() {
    let event = Event::new("by hand", &Sender::NONE, &21);
    assert_eq!(doubles_later(&event).await.unwrap(), 42);
    assert_eq!(doubles_now(&event), 42);
    let later: for<'a> fn(&'a Event<'a, u32>) -> u32 = doubles_now;
    assert_eq!(later(&event), 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_does_not_wait_for_a_receiver_that_takes_long() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.background.slow"));
    let (release, released) = mpsc::channel::<()>();
    let (released, begun) = (Mutex::new(released), Arc::new(Notify::new()));
    let told = begun.clone();
    let held = move |_: &Event<u32>| {
        told.notify_one();
        released.lock().unwrap().recv().unwrap();
    };
    signal.connect_background_blocking(named("tests.background.held"), held).unwrap();
    let working = bench.start(bench.worker().concurrency(1));
    let mut finished = Finished::of(signal.name());
    for round in 0..2 {
        let responses = bench.within(signal.asend(Sender::NONE, &round)).await.unwrap();
        assert!(matches!(responses[..], [(_, Response::Queued(_))]));
        if round == 0 {
            begun.notified().await;
        }
    }
    // Both sends have returned, and the first receiver has not.
    let states: Vec<State> = bench.tasks().await.iter().map(|task| task.state).collect();
    assert_eq!(states[0], State::Running);
    assert_eq!(states.len(), 2);
    release.send(()).unwrap();
    release.send(()).unwrap();
    finished.next().await;
    finished.next().await;
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_returns_when_the_row_is_committed() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.background.durable"));
    signal.connect_background_blocking(named("tests.background.never"), |_: &Event<u32>| ()).unwrap();
    let responses = bench.within_blocking(|| signal.send("desk", &7)).unwrap();
    let send_id = responses[0].1.send_id().unwrap();
    let (signal, sender, payload, found): (String, String, String, String) = bench
        .raw()
        .query_row("SELECT signal, sender, payload, send_id FROM signalpost_task", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    assert_eq!((&*signal, &*sender, &*payload), ("tests.background.durable", "desk", "7"));
    assert_eq!(found, send_id.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_receiver_gets_what_an_inline_one_gets() {
    let (bench, signal) = (Bench::new(), Signal::<(u32, String)>::new("tests.background.same"));
    let log = Log::default();
    let write = |log: Log| move |event: &Event<(u32, String)>| log.add(format!("{event:?}"));
    signal.connect(write(log.clone()));
    signal.connect_background_blocking(named("tests.background.same"), write(log.clone())).unwrap();
    bench.within(signal.asend(Sender::object(&Arc::new(Shop)), &(3, "three".to_owned()))).await.unwrap();
    let inline = log.take().remove(0);
    bench.drain().await;
    let background = log.take().remove(0);
    // An object is known by its label elsewhere.
    assert!(inline.contains("sender: Sender(shop.Shop at 0x"), "{inline}");
    assert!(background.contains("sender: Sender(shop.Shop),"), "{background}");
    for text in [inline, background] {
        assert!(text.contains(r#"signal: "tests.background.same""#) && text.contains(r#"payload: (3, "three")"#));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn async_and_blocking_receivers_can_be_mixed_on_one_signal() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.background.mixed"), Log::default());
    let asynchronous = log.clone();
    let waits = move |event: &Event<u32>| {
        let (log, payload) = (asynchronous.clone(), *event.payload);
        async move {
            tokio::task::yield_now().await;
            log.add(format!("async {payload}"));
        }
    };
    signal.connect_background(named("tests.background.mixed.async"), waits).unwrap();
    signal.connect_background_blocking(named("tests.background.mixed.blocking"), log.writer("blocking")).unwrap();
    bench.within_blocking(|| signal.send(Sender::NONE, &9)).unwrap();
    bench.drain().await;
    let mut lines = log.take();
    lines.sort();
    assert_eq!(lines, ["async 9", "blocking"]);
}

static MEASURED: Signal<u32> = Signal::new("tests.background.measured");

#[receiver(MEASURED, background, keep_result, name = "kept")]
async fn kept(event: Event<'_, u32>) -> Result<Vec<u32>, BoxError> {
    tokio::task::yield_now().await;
    Ok(vec![*event.payload, 2])
}

#[receiver(MEASURED, background, keep_result, name = "kept_blocking")]
fn kept_blocking(event: &Event<u32>) -> Result<String, BoxError> {
    Ok(format!("{} metres", event.payload))
}

#[receiver(MEASURED, background, name = "not_kept")]
async fn not_kept(event: Event<'_, u32>) -> Result<u32, BoxError> {
    Ok(*event.payload)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_kept_where_that_is_asked_for_and_nowhere_else() {
    let bench = Bench::new();
    bench.within(MEASURED.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!(bench.task_of("kept").await.result.as_deref(), Some("[1,2]"));
    assert_eq!(bench.task_of("kept_blocking").await.result.as_deref(), Some(r#""1 metres""#));
    assert_eq!(bench.task_of("not_kept").await.result, None);
}

static CHESS: Signal<u8> = Signal::new("tests.background.chess");

#[receiver(CHESS, background, keep_result, name = "not_json")]
fn board(event: &Event<u8>) -> Result<BTreeMap<(u8, u8), u8>, BoxError> {
    Ok([((1, 2), *event.payload)].into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_not_json_is_dead_at_once_and_says_that_the_receiver_succeeded() {
    let bench = Bench::new();
    bench.within(CHESS.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of("not_json").await;
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Dead), 1));
    assert_eq!(task.reason.unwrap(), "the receiver succeeded, but its result is not JSON: key must be a string");
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_twice_writes_one_row_per_send() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.background.twice"), Log::default());
    let receivers: Vec<_> = (0..2)
        .map(|_| signal.connect_background_blocking(named("tests.background.once"), log.writer("ran")).unwrap())
        .collect();
    assert_eq!(receivers[0].id(), receivers[1].id());
    assert_eq!(signal.receivers().len(), 1);
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!((bench.tasks().await.len(), log.take()), (1, vec!["ran".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_and_a_background_receiver_run_once_each() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.background.both"), Log::default());
    signal.connect_background_blocking(named("tests.background.later"), log.writer("later")).unwrap();
    signal.connect(log.writer("now"));
    let responses = bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    assert!(matches!(responses[..], [(_, Response::Now(())), (_, Response::Queued(_))]));
    assert_eq!(log.take(), ["now"]);
    bench.drain().await;
    assert_eq!(log.take(), ["later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn background_receivers_hear_their_sender_only() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.background.filter"), Log::default());
    let options = named("tests.background.shop").sender(Sender::of::<Shop>());
    signal.connect_background_blocking(options, log.writer("shop")).unwrap();
    assert!(signal.has_listeners(&Sender::of::<Shop>()) && !signal.has_listeners(&Sender::NONE));
    signal.connect_background_blocking(named("tests.background.any"), log.writer("any")).unwrap();
    assert!(signal.has_listeners(&Sender::NONE));
    bench
        .within(async {
            assert_eq!(signal.asend("desk", &1).await.unwrap().len(), 1);
            assert_eq!(signal.asend(Sender::NONE, &1).await.unwrap().len(), 1);
            assert_eq!(signal.asend(Sender::of::<Shop>(), &1).await.unwrap().len(), 2);
            assert_eq!(signal.asend(Sender::object(&Arc::new(Shop)), &1).await.unwrap().len(), 2);
        })
        .await;
    bench.drain().await;
    let lines = log.take();
    assert_eq!(lines.iter().filter(|line| *line == "shop").count(), 2);
    assert_eq!(lines.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_stays_on_its_queue() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.background.queues"), Log::default());
    signal.connect_background_blocking(named("tests.background.mail").queue("mail"), log.writer("mail")).unwrap();
    signal.connect_background_blocking(named("tests.background.plain"), log.writer("plain")).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let mut finished = Finished::of(signal.name());
    let working = bench.start(bench.worker());
    assert_eq!(finished.next().await.receiver, "tests.background.plain");
    working.stop().await;
    assert_eq!(bench.task_of("tests.background.mail").await.state, State::Waiting);
    bench.drain_with(bench.worker().queues(["mail"])).await;
    assert_eq!(log.take(), ["plain", "mail"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_higher_priority_start_first() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.background.priority"));
    for (name, priority) in [("tests.background.low", -100), ("tests.background.high", 100)] {
        signal.connect_background_blocking(named(name).priority(priority), |_: &Event<u32>| ()).unwrap();
    }
    let started = Log::default();
    let seen = started.clone();
    let _connected = TASK_STARTED
        .connect(move |event: &Event<TaskStarted>| {
            if event.payload.signal == "tests.background.priority" {
                seen.add(event.payload.receiver.clone());
            }
        })
        .scoped();
    with_store(bench.store.clone(), signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain_with(bench.worker().concurrency(1)).await;
    assert_eq!(started.take(), ["tests.background.high", "tests.background.low"]);
}
