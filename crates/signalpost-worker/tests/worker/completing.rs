//! Runs that record their task's success themselves.

use crate::Bench;
use signalpost_store::{EndState, State, Store};
use signalpost_worker::{ClaimedTask, Failure, ReceiverPolicy, Run, Success};
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// What an atomic receiver's transaction does.
fn complete(path: &Path, store: &dyn Store, claimed: &ClaimedTask) {
    let mut client = rusqlite::Connection::open(path).unwrap();
    client.busy_timeout(Duration::from_secs(5)).unwrap();
    let transaction = client.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let completion = store.completion();
    let json = completion.parameter(&claimed.worker, &claimed.task);
    assert_eq!(transaction.execute(&completion.insert, [&json]).unwrap(), 1);
    assert_eq!(transaction.execute(&completion.delete, [&json]).unwrap(), 1);
    transaction.commit().unwrap();
    claimed.set_completed();
}

type End = fn() -> Run;

fn receiver(bench: &mut Bench, name: &'static str, policy: ReceiverPolicy, end: End) {
    let (path, store) = (bench.path.clone(), bench.store.clone());
    bench.receiver_of_claims(name, policy, move |claimed| {
        let (path, store) = (path.clone(), store.clone());
        Run::asynchronous(async move {
            complete(&path, &*store, &claimed);
            end().finish(None, &claimed.cancellation).await
        })
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_run_ends_that_has_recorded_its_success_the_task_has_succeeded() {
    let mut bench = Bench::new();
    let ends: [(_, End); 4] = [
        ("returns", || Run::asynchronous(async { Ok(Success::default()) })),
        ("fails", || Run::asynchronous(async { Err(Failure::permanent("the mail server is gone")) })),
        ("panics", || Run::asynchronous(async { panic!("after all was done") })),
        ("hangs", || Run::asynchronous(pending())),
    ];
    let policy = ReceiverPolicy { timeout: Some(Duration::from_millis(50)), ..ReceiverPolicy::default() };
    for (name, end) in ends {
        receiver(&mut bench, name, policy, end);
    }
    let working = bench.start();
    for (name, _) in ends {
        let id = bench.send(name).await;
        working.wait_for(&format!("succeeded {name} {id}")).await;
        let record = bench.record(id).await;
        assert_eq!((record.state, record.attempt), (State::Ended(EndState::Succeeded), 1), "{name}");
    }
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_stop_cuts_short_after_it_has_recorded_its_success_has_succeeded() {
    let mut bench = Bench::new();
    bench.options.grace = Duration::from_millis(20);
    let (path, store, begun) = (bench.path.clone(), bench.store.clone(), Arc::new(Notify::new()));
    let has_begun = begun.clone();
    bench.receiver_of_claims("hangs", ReceiverPolicy::default(), move |claimed| {
        let (path, store, has_begun) = (path.clone(), store.clone(), has_begun.clone());
        Run::asynchronous(async move {
            complete(&path, &*store, &claimed);
            has_begun.notify_one();
            pending().await
        })
    });
    let id = bench.send("hangs").await;
    let working = bench.start();
    begun.notified().await;
    working.stopper.stop();
    working.wait_for(&format!("succeeded hangs {id}")).await;
    working.running.await.unwrap().unwrap();
    assert_eq!(bench.record(id).await.state, State::Ended(EndState::Succeeded));
}
