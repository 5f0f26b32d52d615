//! Many payloads at once.

use crate::{Bench, Log, Own, named};
use signalpost::{AsyncSignal, BoxError, Event, Outbox, Response, Responses, SendId, SendOptions, Sender, Signal};
use std::sync::Arc;

fn ignore(_: &Event<u32>) {}

/// An inline receiver that refuses 13, and two background receivers.
fn signal(name: &'static str, receivers: [&'static str; 2]) -> (Signal<u32>, Log) {
    let (signal, log) = (Signal::new(name), Log::default());
    let seen = log.clone();
    signal.connect(move |event: &Event<u32>| {
        seen.add(event.payload.to_string());
        if *event.payload == 13 { Err("unlucky") } else { Ok(()) }
    });
    for receiver in receivers {
        signal.connect_background_blocking(named(receiver), ignore).unwrap();
    }
    (signal, log)
}

/// The ids of the sends, and that each was answered by all three receivers.
fn ids(sent: &[Responses<()>]) -> Vec<String> {
    let id = |responses: &Responses<()>| match responses.iter().map(|(_, response)| response).collect::<Vec<_>>()[..] {
        [Response::Now(()), Response::Queued(one), Response::Queued(other)] if one == other => one.to_string(),
        _ => panic!("{responses:?}"),
    };
    sent.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_payload_is_a_send_of_its_own_and_all_are_written_together() {
    let (bench, (signal, log)) = (Bench::new(), signal("tests.many.all", ["tests.many.a", "tests.many.b"]));
    let mut own = Own(bench.raw());
    let payloads = [1, 2, 3];
    let sent = bench
        .within(async {
            [
                signal.send_many("desk", &payloads).unwrap(),
                signal.asend_many("desk", payloads.iter()).await.unwrap(),
                signal.send_many_in(&mut own, "desk", &Vec::from(payloads)).await.unwrap(),
            ]
        })
        .await;
    assert_eq!(log.take(), ["1", "2", "3"].repeat(3));
    let tasks = bench.tasks().await;
    let written: Vec<(String, &str)> = tasks.iter().map(|task| (task.send_id.clone(), &*task.receiver)).collect();
    let expected: Vec<(String, &str)> = sent
        .iter()
        .flat_map(|sent| ids(sent))
        .flat_map(|id| [(id.clone(), "tests.many.a"), (id, "tests.many.b")])
        .collect();
    assert_eq!(written, expected);
    assert!(tasks.iter().all(|task| task.sender.as_deref() == Some("desk")));
    let connection = bench.raw();
    let mut statement = connection.prepare("SELECT payload FROM signalpost_task WHERE receiver LIKE '%a'").unwrap();
    let stored: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(stored, ["1", "2", "3"].repeat(3));
    bench.drain().await;
}

/// A connection that counts the statements and writes nothing.
#[derive(Default)]
struct Counts(u32);

impl Outbox for &mut Counts {
    async fn execute(&mut self, _sql: &str, json: &str) -> Result<u64, BoxError> {
        self.0 += 1;
        Ok(serde_json::from_str::<Vec<serde_json::Value>>(json)?.len() as u64)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_payloads_are_one_statement() {
    let (bench, (signal, _)) = (Bench::new(), signal("tests.many.one", ["tests.many.one.a", "tests.many.one.b"]));
    let (background, mut counts) = (AsyncSignal::<u32>::new("tests.many.one.async"), Counts::default());
    let payloads: Vec<u32> = (100..600).collect();
    bench
        .within(async {
            assert_eq!(signal.send_many_in(&mut counts, Sender::NONE, &payloads).await.unwrap().len(), 500);
            assert_eq!(background.send_many_in(&mut counts, Sender::NONE, &payloads).await.unwrap().len(), 500);
        })
        .await;
    assert_eq!(counts.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_receivers_error_ends_it_and_nothing_is_written() {
    let (bench, (signal, log)) =
        (Bench::new(), signal("tests.many.fails", ["tests.many.fails.a", "tests.many.fails.b"]));
    let mut counts = Counts::default();
    let payloads = [1, 13, 3];
    let errors = bench
        .within(async {
            [
                signal.send_many(Sender::NONE, &payloads).unwrap_err(),
                signal.asend_many(Sender::NONE, &payloads).await.unwrap_err(),
                signal.send_many_in(&mut counts, Sender::NONE, &payloads).await.unwrap_err(),
            ]
        })
        .await;
    assert!(errors.iter().all(|error| error.receiver().is_some() && error.to_string().ends_with("unlucky")));
    assert_eq!(log.take(), ["1", "13"].repeat(3));
    assert!(bench.tasks().await.is_empty() && counts.0 == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_cannot_be_written_is_refused_before_anybody_has_run() {
    let (bench, signal, log) = (Bench::new(), Signal::<String>::new("tests.many.refused"), Log::default());
    signal.connect(log.writer("inline"));
    signal.connect_background_blocking(named("tests.many.refused"), log.writer("background")).unwrap();
    let background = AsyncSignal::<String>::new("tests.many.refused.async");
    let payloads = ["fine".to_owned(), "not \0 fine".to_owned()];
    let errors = bench
        .within(async {
            [
                signal.send_many(Sender::NONE, &payloads).unwrap_err(),
                signal.asend_many(Sender::NONE, &payloads).await.unwrap_err(),
                background.send_many(Sender::NONE, &payloads).unwrap_err(),
                background.asend_many(Sender::NONE, &payloads).await.unwrap_err(),
            ]
        })
        .await;
    assert!(errors.iter().all(|error| error.to_string().contains("holds the character NUL")));
    assert!(log.take().is_empty() && bench.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_does_nothing() {
    let (bench, (signal, log)) = (Bench::new(), signal("tests.many.none", ["tests.many.none.a", "tests.many.none.b"]));
    let (background, mut counts) = (AsyncSignal::<u32>::new("tests.many.none.async"), Counts::default());
    bench
        .within(async {
            assert!(signal.send_many(Sender::NONE, &[]).unwrap().is_empty());
            assert!(signal.asend_many(Sender::NONE, None).await.unwrap().is_empty());
            assert!(signal.send_many_in(&mut counts, Sender::NONE, &[]).await.unwrap().is_empty());
            assert!(background.send_many(Sender::NONE, &[]).unwrap().is_empty());
            assert!(background.asend_many(Sender::NONE, &[]).await.unwrap().is_empty());
            assert!(background.send_many_in(&mut counts, Sender::NONE, &[]).await.unwrap().is_empty());
        })
        .await;
    assert!(log.take().is_empty() && bench.tasks().await.is_empty() && counts.0 == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_signal_writes_a_task_for_each_payload() {
    let (bench, signal, log) =
        (Bench::new(), AsyncSignal::<u32>::new("tests.many.async").queue("many"), Log::default());
    let seen = log.clone();
    signal
        .connect_with(named("tests.many.async"), move |event: &Event<u32>| seen.add(event.payload.to_string()))
        .unwrap();
    let mut own = Own(bench.raw());
    let sent = bench
        .within(async {
            let mut sent = signal.send_many("desk", &[1, 2]).unwrap();
            sent.extend(signal.asend_many("desk", &[3, 4]).await.unwrap());
            sent.extend(signal.send_many_in(&mut own, "desk", &[5, 6]).await.unwrap());
            sent
        })
        .await;
    let tasks = bench.tasks().await;
    let written: Vec<&str> = tasks.iter().map(|task| &*task.send_id).collect();
    let sent: Vec<String> = sent.iter().map(|sent| sent.send_id().unwrap().to_string()).collect();
    assert_eq!(written, sent);
    assert!(tasks.iter().all(|task| task.receiver == "*" && task.queue == "many"));
    bench.drain_with(bench.worker().queues(["many"]).concurrency(1)).await;
    assert_eq!(log.take(), ["1", "2", "3", "4", "5", "6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_hold_for_all_payloads_and_one_id_for_all_is_refused() {
    let (bench, (signal, log)) = (Bench::new(), signal("tests.many.with", ["tests.many.with.a", "tests.many.with.b"]));
    let background = AsyncSignal::<u32>::new("tests.many.with.async");
    let later = || SendOptions::new().delay(std::time::Duration::from_secs(60));
    let one_id = || SendOptions::new().send_id(SendId::new());
    let mut own = Own(bench.raw());
    let errors = bench
        .within(async {
            signal.with(later()).send_many(Sender::NONE, &[1]).unwrap();
            signal.with(later()).asend_many(Sender::NONE, &[1]).await.unwrap();
            signal.with(later()).send_many_in(&mut own, Sender::NONE, &[1]).await.unwrap();
            background.with(later()).send_many(Sender::NONE, &[1]).unwrap();
            background.with(later()).asend_many(Sender::NONE, &[1]).await.unwrap();
            background.with(later()).send_many_in(&mut own, Sender::NONE, &[1]).await.unwrap();
            log.take();
            [
                signal.with(one_id()).send_many(Sender::NONE, &[1]).unwrap_err(),
                signal.with(one_id()).asend_many(Sender::NONE, &[1]).await.unwrap_err(),
                signal.with(one_id()).send_many_in(&mut own, Sender::NONE, &[1]).await.unwrap_err(),
                background.with(one_id()).send_many(Sender::NONE, &[1]).unwrap_err(),
                background.with(one_id()).asend_many(Sender::NONE, &[1]).await.unwrap_err(),
                background.with(one_id()).send_many_in(&mut own, Sender::NONE, &[1]).await.unwrap_err(),
            ]
        })
        .await;
    for error in errors {
        let text = error.to_string();
        assert!(text.starts_with("send_many makes a send of each payload") && text.contains("hint: "), "{text}");
    }
    let tasks = bench.tasks().await;
    assert_eq!(tasks.len(), 9);
    assert!(tasks.iter().all(|task| task.run_at >= task.created_at + 60_000));
    assert!(log.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_inline_receivers_send_within_is_written_with_all() {
    let bench = Bench::new();
    let (outer, inner) = (Signal::<u32>::new("tests.many.within"), Arc::new(Signal::<u32>::new("tests.many.inner")));
    inner.connect_background_blocking(named("tests.many.inner"), ignore).unwrap();
    outer.connect_background_blocking(named("tests.many.within"), ignore).unwrap();
    outer.connect(move |event: &Event<u32>| inner.send_within(event, Sender::NONE, event.payload).map(drop));
    bench.within(outer.asend_many(Sender::NONE, &[1, 2])).await.unwrap();
    let receivers: Vec<String> = bench.tasks().await.into_iter().map(|task| task.receiver).collect();
    let (outer, inner) = ("tests.many.within", "tests.many.inner");
    assert_eq!(receivers, [outer, inner, outer, inner]);
}
