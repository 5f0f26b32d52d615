//! Clean stops, and less clean ones.

use crate::Bench;
use signalpost_store::{EndState, State};
use signalpost_worker::{ReceiverPolicy, Run, Success};
use std::future::pending;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_lets_running_receivers_end_and_costs_no_attempt() {
    let mut bench = Bench::new();
    bench.options.concurrency = 1;
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, released) = (begun.clone(), release.clone());
    bench.receiver("slow", ReceiverPolicy::default(), move |_| {
        let (has_begun, released) = (has_begun.clone(), released.clone());
        Run::asynchronous(async move {
            has_begun.notify_one();
            released.notified().await;
            Ok(Success::default())
        })
    });
    let (running, queued) = (bench.send("slow").await, bench.send("slow").await);
    let working = bench.start();
    begun.notified().await;
    working.stopper.stop();
    working.wait_for(&format!("released slow {queued}")).await;
    let record = bench.record(queued).await;
    assert_eq!((record.state, record.attempt, record.deaths), (State::Waiting, 0, 0));
    release.notify_one();
    working.running.await.unwrap().unwrap();
    assert_eq!(bench.record(running).await.state, State::Ended(EndState::Succeeded));
    let workers: i64 = rusqlite::Connection::open(&bench.path)
        .unwrap()
        .query_row("SELECT count(*) FROM signalpost_worker", [], |row| row.get(0))
        .unwrap();
    assert_eq!(workers, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_when_the_grace_is_over_is_dropped_and_given_back() {
    let mut bench = Bench::new();
    bench.options.grace = Duration::from_millis(20);
    struct Tells(Arc<Notify>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (begun, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, was_dropped) = (begun.clone(), dropped.clone());
    bench.receiver("hangs", ReceiverPolicy::default(), move |_| {
        let (has_begun, tells) = (has_begun.clone(), Tells(was_dropped.clone()));
        Run::asynchronous(async move {
            has_begun.notify_one();
            pending::<()>().await;
            drop(tells);
            Ok(Success::default())
        })
    });
    let id = bench.send("hangs").await;
    let working = bench.start();
    begun.notified().await;
    working.stop().await;
    dropped.notified().await;
    let record = bench.record(id).await;
    assert_eq!((record.state, record.attempt, record.deaths), (State::Waiting, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_does_not_wait_for_the_grace() {
    let mut bench = Bench::new();
    bench.options.grace = Duration::from_secs(3600);
    let begun = Arc::new(Notify::new());
    let has_begun = begun.clone();
    bench.receiver("hangs", ReceiverPolicy::default(), move |_| {
        has_begun.notify_one();
        Run::asynchronous(pending())
    });
    let id = bench.send("hangs").await;
    let working = bench.start();
    begun.notified().await;
    working.stopper.stop();
    working.stopper.stop_now();
    working.running.await.unwrap().unwrap();
    assert_eq!(bench.record(id).await.state, State::Waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_code_that_outlives_a_forced_stop_is_not_given_back_while_it_runs() {
    let mut bench = Bench::new();
    let (release, released) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let released = Mutex::new(Some(released));
    bench.receiver("hangs", ReceiverPolicy::default(), move |_| {
        let (released, begun) = (released.lock().unwrap().take().unwrap(), begun.clone());
        Run::blocking(move || {
            begun.send(()).unwrap();
            let _ = released.recv();
            Ok(Success::default())
        })
    });
    let id = bench.send("hangs").await;
    let working = bench.start();
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    working.stopper.stop_now();
    working.running.await.unwrap().unwrap();
    assert_eq!(bench.record(id).await.state, State::Running);
    drop(release);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_runs_until_a_future_completes() {
    let mut bench = Bench::new();
    bench.plain("plain");
    let stop = Arc::new(Notify::new());
    let stopping = stop.clone();
    let functions = crate::Functions {
        known: std::mem::take(&mut bench.known),
        events: tokio::sync::mpsc::unbounded_channel().0,
        capacity: crate::unlimited(),
    };
    let worker =
        signalpost_worker::Worker::new(bench.store.clone(), Arc::new(functions), bench.options.clone()).unwrap();
    let running = tokio::spawn(async move { worker.run_until(stopping.notified()).await });
    stop.notify_one();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_code_inside_another_run_keeps_that_runs_slot() {
    let mut bench = Bench::new();
    let (release, released) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let released = Arc::new(Mutex::new(Some(released)));
    bench.receiver_of_claims("outer", ReceiverPolicy::default(), move |claimed| {
        let (released, begun) = (released.lock().unwrap().take().unwrap(), begun.clone());
        Run::asynchronous(async move {
            let inner = Run::blocking(move || {
                begun.send(()).unwrap();
                let _ = released.recv();
                Ok(Success::default())
            });
            inner.finish(None, &claimed.cancellation).await
        })
    });
    let id = bench.send("outer").await;
    let working = bench.start();
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    working.stopper.stop_now();
    working.running.await.unwrap().unwrap();
    assert_eq!(bench.record(id).await.state, State::Running, "its code still runs");
    drop(release);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_dropped_takes_its_runs_with_it() {
    let mut bench = Bench::new();
    struct Tells(Arc<Notify>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (begun, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, was_dropped) = (begun.clone(), dropped.clone());
    bench.receiver("hangs", ReceiverPolicy::default(), move |_| {
        let (has_begun, tells) = (has_begun.clone(), Tells(was_dropped.clone()));
        Run::asynchronous(async move {
            has_begun.notify_one();
            pending::<()>().await;
            drop(tells);
            Ok(Success::default())
        })
    });
    bench.send("hangs").await;
    let working = bench.start();
    begun.notified().await;
    working.running.abort();
    dropped.notified().await;
}
