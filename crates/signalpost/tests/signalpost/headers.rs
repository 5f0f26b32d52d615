//! What travels beside the payload.

use crate::{Bench, Log, Own, named};
use signalpost::{
    AsyncSignal, BoxError, Event, RunningTask, SendOptions, Sender, Signal, running_task, with_headers,
    with_headers_blocking,
};
use std::sync::Arc;

/// `a=1 b=2`, as the receiver sees them.
fn text(task: &RunningTask) -> String {
    let headers: Vec<String> = task.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    headers.join(" ")
}

/// A signal whose background receiver writes down what it carries.
fn noting(name: &'static str) -> (Signal<u32>, Log) {
    let (signal, log) = (Signal::new(name), Log::default());
    let seen = log.clone();
    let note = move |event: &Event<u32>| {
        let task = running_task().unwrap();
        assert_eq!(task.headers, event.context::<RunningTask>().unwrap().headers);
        seen.add(text(&task));
    };
    signal.connect_background_blocking(named(name), note).unwrap();
    (signal, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_scopes_and_options_reach_the_receiver() {
    let (bench, (signal, log)) = (Bench::new(), noting("tests.headers.scopes"));
    let with = |value: &str| signal.with(SendOptions::new().header("a", value));
    let mut own = Own(bench.raw());
    bench
        .within(async {
            signal.asend(Sender::NONE, &0).await.unwrap();
            with("option").asend(Sender::NONE, &1).await.unwrap();
            with_headers([("a", "outer"), ("b", "outer")], async {
                signal.asend(Sender::NONE, &2).await.unwrap();
                with_headers([("b".to_owned(), "inner".to_owned()), ("c".to_owned(), "inner".to_owned())], async {
                    signal.asend(Sender::NONE, &3).await.unwrap();
                    with("option").asend(Sender::NONE, &4).await.unwrap();
                })
                .await;
                with_headers_blocking([("a", "blocking")], || signal.send(Sender::NONE, &5)).unwrap();
                signal.send_in(&mut own, Sender::NONE, &6).await.unwrap();
                signal.asend_many(Sender::NONE, &[7, 8]).await.unwrap();
            })
            .await;
            signal.send(Sender::NONE, &9).unwrap();
        })
        .await;
    bench.drain_with(bench.worker().concurrency(1)).await;
    assert_eq!(
        log.take(),
        [
            "",
            "a=option",
            "a=outer b=outer",
            "a=outer b=inner c=inner",
            "a=option b=inner c=inner",
            "a=blocking b=outer",
            "a=outer b=outer",
            "a=outer b=outer",
            "a=outer b=outer",
            "",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_sends_carries_on_what_its_task_carries() {
    let (bench, (last, log)) = (Bench::new(), noting("tests.headers.last"));
    let (first, second) = (Signal::<u32>::new("tests.headers.first"), AsyncSignal::<u32>::new("tests.headers.second"));
    let last = Arc::new(last);
    let (on, second) = (last.clone(), Arc::new(second));
    second
        .connect_with(named("tests.headers.second"), move |event: &Event<u32>| {
            on.send(Sender::NONE, event.payload)?;
            let sent = || on.with(SendOptions::new().header("tenant", "third").header("own", "1"));
            with_headers_blocking([("tenant", "second"), ("scope", "1")], || {
                on.send(Sender::NONE, event.payload)?;
                sent().send(Sender::NONE, event.payload)
            })
            .map(drop)
        })
        .unwrap();
    let next = second.clone();
    let send = move |event: &Event<u32>| {
        let (next, payload) = (next.clone(), *event.payload);
        async move { next.asend(Sender::NONE, &payload).await.map(drop) }
    };
    first.connect_background(named("tests.headers.first"), send).unwrap();
    let options = SendOptions::new().header("tenant", "first").header("request-id", "r1");
    bench.within(first.with(options).asend(Sender::NONE, &1)).await.unwrap();
    bench.drain_with(bench.worker().concurrency(1)).await;
    assert_eq!(
        log.take(),
        [
            "request-id=r1 tenant=first",
            "request-id=r1 scope=1 tenant=second",
            "own=1 request-id=r1 scope=1 tenant=third",
        ]
    );
    // signalpost's own are not shown, and are not those of the task before.
    let connection = bench.raw();
    let mut statement = connection
        .prepare(
            "SELECT signal, json_extract(headers, '$.signalpost-chain') FROM signalpost_history ORDER BY id LIMIT 3",
        )
        .unwrap();
    let chains = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let chains: Vec<(String, Option<String>)> = chains.map(Result::unwrap).collect();
    let [first, second, last] = ["first", "second", "last"].map(|name| format!("tests.headers.{name}"));
    let to_last = format!("{first}\n{second}");
    assert_eq!(chains, [(first.clone(), None), (second, Some(first)), (last, Some(to_last))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_beside_others_keeps_the_headers_of_the_send() {
    let (bench, signal, log) = (Bench::new(), AsyncSignal::<u32>::new("tests.headers.follow"), Log::default());
    let seen = log.clone();
    let note = move |_: &Event<u32>| {
        let task = running_task().unwrap();
        seen.add(format!("{} {}", task.receiver, text(&task)));
        if task.receiver == "*" { Err("no") } else { Ok(()) }
    };
    signal.connect_with(named("tests.headers.follow").backoff(crate::AT_ONCE), note).unwrap();
    bench.within(with_headers([("a", "1")], signal.asend(Sender::NONE, &1))).await.unwrap();
    bench.drain().await;
    assert_eq!(log.take(), ["* a=1", "tests.headers.follow a=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_beyond_the_limits_are_refused_by_name_before_anybody_has_run() {
    let (bench, (signal, log)) = (Bench::new(), noting("tests.headers.refused"));
    signal.connect(log.writer("inline"));
    let background = AsyncSignal::<u32>::new("tests.headers.refused.async");
    let (long, large) = ("x".repeat(101), "x".repeat(8 << 10));
    for (name, value, problem) in [
        ("", "", "the header `` cannot be sent: a name has 1 to 100 lower-case letters"),
        ("Tenant", "", "the header `Tenant` cannot be sent: a name has 1 to 100 lower-case letters"),
        ("ten ant", "", "the header `ten ant` cannot be sent"),
        ("größe", "", "the header `größe` cannot be sent"),
        ("a\nb", "", "the header `a\\nb` cannot be sent"),
        (&long, "", "xx` cannot be sent: a name has 1 to 100"),
        ("signalpost-chain", "", "names that begin with `signalpost-` are signalpost's own"),
        ("tenant", "a\0", "the header `tenant` cannot be sent: its value holds the character NUL"),
        ("tenant", &large, "the headers make 8202 bytes, 8198 of them the header `tenant`; 8192 are allowed"),
    ] {
        let with = || SendOptions::new().header(name, value).header("more", "");
        let errors = bench
            .within(async {
                [
                    signal.with(with()).asend(Sender::NONE, &1).await.unwrap_err(),
                    background.with(with()).send(Sender::NONE, &1).unwrap_err(),
                    with_headers([(name, value), ("more", "")], signal.asend(Sender::NONE, &1)).await.unwrap_err(),
                    signal.with(with()).send_many(Sender::NONE, &[1]).unwrap_err(),
                ]
            })
            .await;
        for error in errors {
            assert!(error.to_string().contains(problem), "{error}");
        }
    }
    assert!(log.take().is_empty() && bench.tasks().await.is_empty());

    let (name, value) = ("x".repeat(100), "y".repeat((8 << 10) - 100));
    bench.within(signal.with(SendOptions::new().header(&name, &value)).asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!(log.take(), ["inline".to_owned(), format!("{name}={value}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_headers_that_no_send_would_write_keeps_nobody_from_sending() {
    let (bench, (signal, log)) = (Bench::new(), noting("tests.headers.odd"));
    let first = Signal::<u32>::new("tests.headers.odd.first");
    let send = move |event: &Event<u32>| signal.send(Sender::NONE, event.payload).map(drop);
    first.connect_background_blocking(named("tests.headers.odd.first"), send).unwrap();
    bench.within(first.asend(Sender::NONE, &1)).await.unwrap();
    bench.tamper(r#"UPDATE signalpost_task SET headers = '{"Odd Name":"1","signalpost-else":"2"}'"#);
    bench.drain().await;
    assert_eq!(log.take(), ["Odd Name=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_future_that_carries_headers_can_be_spawned() {
    let (bench, (signal, log)) = (Bench::new(), noting("tests.headers.spawned"));
    let (signal, store) = (Arc::new(signal), bench.store.clone());
    let send = async move {
        with_headers([("a", "1")], signal.asend(Sender::NONE, &1)).await?;
        Ok::<(), BoxError>(())
    };
    tokio::spawn(signalpost::with_store(store, send)).await.unwrap().unwrap();
    bench.drain().await;
    assert_eq!(log.take(), ["a=1"]);
}
