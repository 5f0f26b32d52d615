//! The forms of sending, and what a send does when something in it fails.

use crate::{Bench, Log, named};
use signalpost::{BoxError, Event, Response, Sender, Signal, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// A signal with one asynchronous inline receiver.
fn asynchronous(name: &'static str) -> (Signal<u32>, Log) {
    let (signal, log) = (Signal::new(name), Log::default());
    let seen = log.clone();
    signal.connect_async(move |_: &Event<u32>| {
        let log = seen.clone();
        async move {
            // Needs the runtime.
            tokio::time::timeout(Duration::from_secs(60), tokio::task::yield_now()).await.unwrap();
            log.add("ran");
        }
    });
    (signal, log)
}

#[tokio::test(flavor = "current_thread")]
async fn a_sync_send_to_async_receivers_on_a_current_thread_runtime_names_asend() {
    let (bench, (signal, log)) = (Bench::new(), asynchronous("tests.sending.current"));
    signal.connect_background_blocking(named("tests.sending.current"), log.writer("background")).unwrap();
    let error = bench.within_blocking(|| signal.send(Sender::NONE, &1)).unwrap_err().to_string();
    assert!(error.contains("on a current-thread runtime"), "{error}");
    assert!(error.ends_with("hint: use asend, or a multi-thread runtime"), "{error}");
    assert!(log.take().is_empty() && bench.tasks().await.is_empty());
    let responses = bench.within_blocking(|| signal.send_robust(Sender::NONE, &1));
    assert!(responses[0].1.as_ref().unwrap_err().to_string().contains("use asend"));
    assert!(responses[1].1.is_ok());
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    assert_eq!(log.take(), ["ran"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_send_runs_async_receivers_on_a_multi_thread_runtime() {
    let (bench, (signal, log)) = (Bench::new(), asynchronous("tests.sending.multi"));
    bench.within_blocking(|| signal.send(Sender::NONE, &1)).unwrap();
    assert_eq!(log.take(), ["ran"]);
}

#[test]
fn a_sync_send_needs_no_runtime() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.sending.bare"), Log::default());
    let seen = log.clone();
    signal.connect_async(move |event: &Event<u32>| {
        let (log, payload) = (seen.clone(), *event.payload);
        async move { log.add(format!("async {payload}")) }
    });
    signal.connect_background_blocking(named("tests.sending.bare"), |_: &Event<u32>| ()).unwrap();
    let responses = bench.within_blocking(|| signal.send(Sender::NONE, &5)).unwrap();
    assert!(matches!(responses[..], [(_, Response::Now(())), (_, Response::Queued(_))]));
    assert_eq!(log.take(), ["async 5"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_receiver_that_raises_ends_the_send_and_no_task_is_written() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.sending.raises"));
    signal.connect(|event: &Event<u32>| event.payload.checked_sub(1).map(drop).ok_or("below zero"));
    signal.connect_background_blocking(named("tests.sending.raises"), |_: &Event<u32>| ()).unwrap();
    bench
        .within(async {
            let error = signal.send(Sender::NONE, &0).unwrap_err();
            assert!(error.receiver().is_some() && error.to_string().ends_with("below zero"));
            assert!(signal.asend(Sender::NONE, &0).await.unwrap_err().receiver().is_some());
            assert!(bench.tasks().await.is_empty());
            // The robust forms write it all the same.
            let responses = signal.send_robust(Sender::NONE, &0);
            assert!(responses[0].1.is_err() && responses[1].1.is_ok());
            let responses = signal.asend_robust(Sender::NONE, &0).await;
            assert!(responses[0].1.is_err() && responses[1].1.is_ok());
        })
        .await;
    assert_eq!(bench.tasks().await.len(), 2);
}

/// A store that does not wait long for another writer.
fn impatient() -> Bench {
    Bench::with(|options| options.busy_timeout(Duration::from_millis(50)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_inside_the_callers_own_transaction_ends_in_an_error_that_names_send_in() {
    let (bench, signal) = (impatient(), Signal::<u32>::new("tests.sending.locked"));
    signal.connect_background_blocking(named("tests.sending.locked"), |_: &Event<u32>| ()).unwrap();
    let connection = bench.raw();
    connection.execute_batch("CREATE TABLE own (id); BEGIN; INSERT INTO own VALUES (1)").unwrap();
    let errors = bench
        .within(async {
            [signal.send(Sender::NONE, &1).unwrap_err(), signal.asend(Sender::NONE, &1).await.unwrap_err()]
        })
        .await;
    for error in errors {
        assert!(error.downcast_ref::<StoreError>().unwrap().is_locked());
        assert!(error.to_string().contains("send on it with send_in"), "{error}");
    }
    connection.execute_batch("COMMIT").unwrap();
    assert!(bench.tasks().await.is_empty());
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    assert_eq!(bench.tasks().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_store_is_the_response_of_a_robust_send() {
    let (bench, signal, log) = (impatient(), Signal::<u32>::new("tests.sending.robust"), Log::default());
    for name in ["tests.sending.first", "tests.sending.second"] {
        signal.connect_background_blocking(named(name), |_: &Event<u32>| ()).unwrap();
    }
    signal.connect(log.writer("inline"));
    let connection = bench.raw();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sent = bench
        .within(async { [signal.send_robust(Sender::NONE, &1), signal.asend_robust(Sender::NONE, &1).await] })
        .await;
    assert_eq!(log.take(), ["inline", "inline"]);
    for responses in sent {
        let names: Vec<&str> = responses[1..].iter().map(|(receiver, _)| receiver.name()).collect();
        assert_eq!(names, ["tests.sending.first", "tests.sending.second"]);
        assert!(responses[0].1.is_ok());
        for (_, response) in &responses[1..] {
            let error = response.as_ref().unwrap_err();
            assert!(!error.is_panic() && error.to_string().contains("stayed locked"), "{error}");
        }
    }
    connection.execute_batch("ROLLBACK").unwrap();
    assert!(bench.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_goes_to_the_store_of_its_scope() {
    let (one, other, signal) = (Bench::new(), Bench::new(), Signal::<u32>::new("tests.sending.scopes"));
    signal.connect_background_blocking(named("tests.sending.scopes"), |_: &Event<u32>| ()).unwrap();
    one.within(async {
        signal.asend(Sender::NONE, &1).await.unwrap();
        other.within(signal.asend(Sender::NONE, &2)).await.unwrap();
        signal.asend(Sender::NONE, &3).await.unwrap();
        other.within_blocking(|| signal.send(Sender::NONE, &4)).unwrap();
    })
    .await;
    assert_eq!((one.tasks().await.len(), other.tasks().await.len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_at_the_same_time_all_get_their_rows() {
    let bench = Bench::new();
    let signal = Arc::new(Signal::<u32>::new("tests.sending.many"));
    for name in ["tests.sending.many.a", "tests.sending.many.b"] {
        signal.connect_background_blocking(named(name), |_: &Event<u32>| ()).unwrap();
    }
    let sends: Vec<_> = (0..50)
        .map(|number| {
            let (signal, store) = (signal.clone(), bench.store.clone());
            tokio::spawn(async move {
                signalpost::with_store(store, signal.asend(Sender::NONE, &number)).await.unwrap();
                Ok::<(), BoxError>(())
            })
        })
        .collect();
    for send in sends {
        send.await.unwrap().unwrap();
    }
    let tasks = bench.tasks().await;
    assert_eq!(tasks.len(), 100);
    // The rows of one send stand together.
    assert!(tasks.chunks(2).all(|rows| rows[0].send_id == rows[1].send_id));
}
