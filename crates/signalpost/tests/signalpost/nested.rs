//! Sends from inside receivers.

use crate::{Bench, Log, named};
use signalpost::{
    AsyncSignal, BoxError, EndState, Event, Outbox, Response, SendId, SendOptions, Sender, Sent, Signal, State,
    running_task, with_store,
};
use std::sync::Arc;

fn ignore(_: &Event<u32>) {}

/// A connection that remembers what was written on it, or refuses.
#[derive(Default)]
struct Remembers {
    executed: Vec<serde_json::Value>,
    refuses: bool,
}

impl Outbox for &mut Remembers {
    async fn execute(&mut self, _sql: &str, json: &str) -> Result<u64, BoxError> {
        if self.refuses {
            return Err("no".into());
        }
        let rows: Vec<serde_json::Value> = serde_json::from_str(json)?;
        self.executed.extend(rows.iter().map(|row| row["signal"].clone()));
        Ok(rows.len() as u64)
    }
}

/// Two signals: an inline receiver of the first sends the second one within.
fn within(outer: &'static str, inner: &'static str) -> (Signal<u32>, Log) {
    let (signal, log) = (Signal::<u32>::new(outer), Log::default());
    let within = Signal::<u32>::new(inner);
    within.connect_background_blocking(named(inner), ignore).unwrap();
    within.connect(log.writer("inner"));
    signal.connect_background_blocking(named(outer), ignore).unwrap();
    signal.connect(move |event: &Event<u32>| {
        let responses = within.send_within(event, "desk", event.payload)?;
        assert!(matches!(responses[..], [(_, Response::Now(())), (_, Response::Queued(_))]));
        Ok::<(), BoxError>(())
    });
    (signal, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_inline_receiver_sends_within_is_written_with_the_send_that_called_it() {
    let (bench, (signal, log)) = (Bench::new(), within("tests.nested.outer", "tests.nested.inner"));
    signal.connect(log.writer("after"));
    bench
        .within(async {
            signal.asend(Sender::NONE, &1).await.unwrap();
            signal.send(Sender::NONE, &1).unwrap();
        })
        .await;
    assert_eq!(log.take(), ["inner", "after", "inner", "after"]);
    let signals: Vec<String> = bench.tasks().await.into_iter().map(|task| task.signal).collect();
    let (outer, inner) = ("tests.nested.outer", "tests.nested.inner");
    assert_eq!(signals, [outer, inner, outer, inner]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_within_a_send_that_fails_is_not_written() {
    let (bench, (signal, log)) = (Bench::new(), within("tests.nested.fails", "tests.nested.fails.inner"));
    signal.connect(|_: &Event<u32>| Err::<(), _>("too late"));
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap_err();
    assert_eq!(log.take(), ["inner"]);
    assert!(bench.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_without_rows_of_its_own_writes_what_was_sent_within() {
    let (bench, outer, log) = (Bench::new(), Signal::<u32>::new("tests.nested.bare"), Log::default());
    let (signal, _) = within("tests.nested.bare.middle", "tests.nested.bare.inner");
    outer.connect(move |event: &Event<u32>| signal.send_within(event, Sender::NONE, event.payload).map(drop));
    outer.connect(log.writer("after"));
    bench
        .within(async {
            outer.send(Sender::NONE, &1).unwrap();
            assert_eq!(outer.send_robust(Sender::NONE, &1).len(), 2);
            outer.asend(Sender::NONE, &1).await.unwrap();
            assert_eq!(outer.asend_robust(Sender::NONE, &1).await.len(), 2);
            let mut connection = Remembers::default();
            outer.send_in(&mut connection, Sender::NONE, &1).await.unwrap();
            assert_eq!(connection.executed, ["tests.nested.bare.middle", "tests.nested.bare.inner"]);
        })
        .await;
    assert_eq!((log.take().len(), bench.tasks().await.len()), (5, 8));
    outer.connect(|_: &Event<u32>| Err::<(), _>("too late"));
    bench.within(async { outer.send(Sender::NONE, &1).unwrap_err() }).await;
    assert_eq!(bench.tasks().await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_within_is_written_on_the_same_connection() {
    let (bench, (signal, _)) = (Bench::new(), within("tests.nested.on", "tests.nested.on.inner"));
    let mut connection = Remembers::default();
    bench.within(signal.send_in(&mut connection, Sender::NONE, &1)).await.unwrap();
    assert_eq!(connection.executed, ["tests.nested.on", "tests.nested.on.inner"]);
    connection.refuses = true;
    bench.within(signal.send_in(&mut connection, Sender::NONE, &1)).await.unwrap_err();
    assert!(bench.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_signal_that_is_sent_within_is_written_with_the_send_that_called_it() {
    let (bench, send_id) = (Bench::new(), SendId::new());
    let outer = Signal::<u32>::new("tests.nested.calls");
    let inner = Arc::new(AsyncSignal::<u32>::new("tests.nested.called").queue("mail"));
    let called = inner.clone();
    outer.connect(move |event: &Event<u32>| {
        let sent = called.with(SendOptions::new().send_id(send_id)).send_within(event, "desk", event.payload)?;
        assert!(matches!(sent, Sent::Queued(id) if id == send_id));
        if *event.payload == 0 { Err(BoxError::from("too late")) } else { Ok(()) }
    });
    bench.within(outer.asend(Sender::NONE, &0)).await.unwrap_err();
    assert!(bench.tasks().await.is_empty());
    bench.within(outer.asend(Sender::NONE, &1)).await.unwrap();
    let task = bench.task_of("*").await;
    assert_eq!((&*task.queue, task.sender.as_deref(), task.send_id), ("mail", Some("desk"), send_id.to_string()));

    // In a background receiver there is no send to be part of.
    let again = move |event: &Event<u32>| match event.payload {
        0 => Ok(()),
        n => inner.send_within(event, Sender::NONE, &(n - 1)).map(drop),
    };
    let inner = AsyncSignal::<u32>::new("tests.nested.called");
    inner.connect_with(named("tests.nested.called"), again).unwrap();
    bench.drain_with(bench.worker().queues(["mail"])).await;
    let parents: Vec<_> = bench.tasks().await.into_iter().map(|task| task.parent).collect();
    assert_eq!(parents, [None, Some(task.id)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_receiver_can_send_on_a_connection_of_its_own() {
    let bench = Bench::new();
    let (outer, inner) = (Signal::<u32>::new("tests.nested.hatch"), Signal::<u32>::new("tests.nested.hatch.inner"));
    inner.connect_background_blocking(named("tests.nested.hatch.inner"), ignore).unwrap();
    let (inner, sent) = (Arc::new(inner), Log::default());
    let log = sent.clone();
    outer.connect_async(move |event: &Event<u32>| {
        let (inner, payload, log) = (inner.clone(), *event.payload, log.clone());
        async move {
            let mut connection = Remembers::default();
            inner.send_in(&mut connection, Sender::NONE, &payload).await?;
            log.add(format!("{:?}", connection.executed));
            Ok::<(), BoxError>(())
        }
    });
    bench.within(outer.asend(Sender::NONE, &1)).await.unwrap();
    assert_eq!(sent.take(), [r#"[String("tests.nested.hatch.inner")]"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_sends_knows_its_parent_and_its_depth() {
    let bench = Bench::new();
    let (first, second, third) = (
        Signal::<u32>::new("tests.nested.first"),
        Signal::<u32>::new("tests.nested.second"),
        Signal::<u32>::new("tests.nested.third"),
    );
    let log = Log::default();
    let seen = log.clone();
    let note = move |_: &Event<u32>| {
        let task = running_task().unwrap();
        seen.add(format!("{} {} {} {:?}", task.receiver, task.id, task.depth, task.parent));
    };
    third.connect_background_blocking(named("tests.nested.third"), note).unwrap();
    // In a background receiver there is no send to be part of.
    let send_third = move |event: &Event<u32>| third.send_within(event, Sender::NONE, event.payload).map(drop);
    second.connect_background_blocking(named("tests.nested.second"), send_third).unwrap();
    let second = Arc::new(second);
    let send_second = move |event: &Event<u32>| {
        let (second, payload) = (second.clone(), *event.payload);
        async move { second.asend(Sender::NONE, &payload).await.map(drop) }
    };
    first.connect_background(named("tests.nested.first"), send_second).unwrap();
    assert!(running_task().is_none());
    bench.within(first.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let tasks = bench.tasks().await;
    let parents: Vec<_> = tasks.iter().map(|task| task.parent).collect();
    assert_eq!(parents, [None, Some(tasks[0].id), Some(tasks[1].id)]);
    assert!(tasks[0].send_id != tasks[1].send_id);
    assert_eq!(log.take(), [format!("tests.nested.third {} 2 {:?}", tasks[2].id, Some(tasks[1].id))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_finds_its_task_in_the_event_too() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.nested.context"), Log::default());
    let seen = log.clone();
    let note = move |event: &Event<u32>| {
        let task: &signalpost::RunningTask = event.context().unwrap();
        seen.add(format!("{} {} {}", task.id, task.attempt, task.send_id));
    };
    signal.connect_background_blocking(named("tests.nested.context"), note).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of("tests.nested.context").await;
    assert_eq!(log.take(), [format!("{} 1 {}", task.id, task.send_id)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_whose_receiver_sends_it_again_is_cut_off() {
    let (bench, signal) = (Bench::new(), Arc::new(Signal::<u32>::new("tests.nested.loop")));
    let again = Arc::downgrade(&signal);
    let options = named("tests.nested.loop").max_attempts(1);
    let send = move |event: &Event<u32>| again.upgrade().unwrap().send(Sender::NONE, &(event.payload + 1)).map(drop);
    signal.connect_background_blocking(options, send).unwrap();
    bench.within(signal.asend(Sender::NONE, &0)).await.unwrap();
    bench.drain().await;
    let tasks = bench.tasks().await;
    assert_eq!(tasks.len(), 51);
    let (last, others) = tasks.split_last().unwrap();
    assert!(others.iter().all(|task| task.state == State::Ended(EndState::Succeeded)));
    assert_eq!(last.state, State::Ended(EndState::Dead));
    assert_eq!(
        last.reason.as_deref().unwrap(),
        format!(
            "failure 1 of 1: signal `tests.nested.loop` is sent by receiver `tests.nested.loop`, 51 sends after the \
             first one: … → {}\n  hint: a receiver that sends a signal which leads back to it never ends",
            ["tests.nested.loop"; 10].join(" → ")
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_over_several_signals_is_shown_by_their_names() {
    let bench = Bench::new();
    let (ping, pong) = (Arc::new(Signal::<u32>::new("ping")), Arc::new(AsyncSignal::<u32>::new("pong")));
    let (to_pong, to_ping) = (pong.clone(), Arc::downgrade(&ping));
    let send = move |event: &Event<u32>| {
        let (to_pong, payload) = (to_pong.clone(), *event.payload);
        async move { to_pong.asend(Sender::NONE, &payload).await.map(drop) }
    };
    ping.connect_background(named("tests.nested.ping").max_attempts(1), send).unwrap();
    let send = move |event: &Event<u32>| to_ping.upgrade().unwrap().send(Sender::NONE, event.payload).map(drop);
    pong.connect_with(named("tests.nested.pong").max_attempts(1), send).unwrap();
    bench.within(ping.asend(Sender::NONE, &0)).await.unwrap();
    bench.drain().await;
    let tasks = bench.tasks().await;
    let reason = tasks.last().unwrap().reason.as_deref().unwrap();
    let chain = ["ping", "pong"].repeat(5).join(" → ");
    assert!(reason.contains(&format!("51 sends after the first one: … → {chain}\n")), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_receivers_send_goes_to_their_workers_store_unless_they_say_otherwise() {
    let (bench, other) = (Bench::new(), Bench::new());
    let (outer, inner) = (Signal::<u32>::new("tests.nested.store"), Signal::<u32>::new("tests.nested.store.inner"));
    inner.connect_background_blocking(named("tests.nested.store.inner"), ignore).unwrap();
    let (inner, elsewhere) = (Arc::new(inner), other.store.clone());
    let send = move |event: &Event<u32>| {
        let (inner, payload, elsewhere) = (inner.clone(), *event.payload, elsewhere.clone());
        async move {
            inner.asend(Sender::NONE, &payload).await?;
            with_store(elsewhere, inner.asend(Sender::NONE, &payload)).await.map(drop)
        }
    };
    outer.connect_background(named("tests.nested.store"), send).unwrap();
    bench.within(outer.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!((bench.tasks().await.len(), other.tasks().await.len()), (2, 1));
}
