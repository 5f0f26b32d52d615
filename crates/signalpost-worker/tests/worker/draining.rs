//! Running tasks one at a time, without a worker's loop.

use crate::{Bench, Functions};
use signalpost_store::{NewTask, Outcome, State, TaskId};
use signalpost_worker::{Drain, Failure, ReceiverPolicy, Run, Success};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const HOUR: Duration = Duration::from_secs(3600);

impl Bench {
    async fn drain(&mut self) -> (Drain, UnboundedReceiver<String>) {
        let (events, seen) = unbounded_channel();
        let executor = Functions { known: std::mem::take(&mut self.known), events, capacity: crate::unlimited() };
        (Drain::begin(self.store.clone(), Arc::new(executor), HOUR).await.unwrap(), seen)
    }

    async fn send_with(&self, receiver: &str, change: impl FnOnce(&mut NewTask)) -> TaskId {
        let mut task = NewTask::new("tests.signal", receiver, "{}");
        change(&mut task);
        self.store.insert(vec![task]).await.unwrap()[0]
    }
}

#[tokio::test]
async fn what_is_due_is_run_in_order_until_nothing_is() {
    let mut bench = Bench::new();
    bench.plain("plain");
    let second = bench.send("plain").await;
    let first = bench.send_with("plain", |task| task.priority = 5).await;
    let elsewhere = bench.send_with("plain", |task| task.queue = "mail".to_owned()).await;
    let later = bench.send_with("plain", |task| task.delay = Duration::from_secs(60)).await;
    let (mut drain, mut seen) = bench.drain().await;
    let mut ran = Vec::new();
    while let Some(task) = drain.claim(["default"]).await.unwrap() {
        ran.push(task.id);
        assert_eq!(drain.run(task).await.unwrap(), Outcome::Succeeded { result: None });
    }
    assert_eq!(ran, [first, second]);
    for event in ["started", "succeeded"] {
        assert_eq!(seen.recv().await.unwrap(), format!("{event} plain {first}"));
    }
    bench.clock.advance(Duration::from_secs(60));
    for id in [elsewhere, later] {
        let task = drain.claim(["mail", "default"]).await.unwrap().unwrap();
        assert_eq!(task.id, id);
        drain.run(task).await.unwrap();
    }
    drain.end().await.unwrap();
    assert!(bench.store.counts().await.unwrap().is_idle());
}

#[tokio::test]
async fn a_task_ends_as_it_would_in_a_worker() {
    let mut bench = Bench::new();
    bench.plain("plain");
    let timeout = Some(Duration::from_millis(20));
    bench.receiver("slow", ReceiverPolicy { timeout, ..ReceiverPolicy::default() }, |_| {
        Run::asynchronous(std::future::pending())
    });
    bench.receiver("once", ReceiverPolicy { max_attempts: 1, ..ReceiverPolicy::default() }, |_| {
        Run::blocking(|| Err(Failure::new("no")))
    });
    bench.receiver("panics", ReceiverPolicy::default(), |_| panic!("before the run"));
    bench.receiver("follows", ReceiverPolicy::default(), |_| {
        let then = vec![NewTask::new("tests.signal", "followed", "{}")];
        Run::asynchronous(async { Ok(Success::default().followed_by(then)) })
    });
    bench.tamper(
        "CREATE TRIGGER refuse BEFORE INSERT ON signalpost_history WHEN NEW.state = 'succeeded' AND NEW.sender = 'refused'
         BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END;",
    );
    for name in ["slow", "once", "panics", "follows", "nobody"] {
        bench.send(name).await;
    }
    bench.send_with("plain", |task| task.sender = Some("refused".to_owned())).await;
    let damaged = bench.send("plain").await;
    let suspect = bench.send("plain").await;
    bench.tamper(&format!("UPDATE signalpost_task SET headers = '[]' WHERE id = {damaged}"));
    bench.tamper(&format!("UPDATE signalpost_task SET deaths = 2, attempt = 2 WHERE id = {suspect}"));

    let (mut drain, _seen) = bench.drain().await;
    let mut outcomes = Vec::new();
    while let Some(task) = drain.claim(["default"]).await.unwrap() {
        let line = match drain.run(task.clone()).await.unwrap() {
            Outcome::Succeeded { .. } => "succeeded".to_owned(),
            Outcome::Dead { reason } => format!("dead: {reason}"),
            Outcome::Retry { reason, .. } => format!("retry: {reason}"),
            Outcome::Deferred { reason, .. } => format!("deferred: {reason}"),
            Outcome::Released => "released".to_owned(),
            Outcome::Died { reason } => format!("died: {reason}"),
        };
        outcomes.push(format!("{}: {line}", task.receiver));
    }
    let refused = outcomes.remove(5);
    assert!(refused.contains("could not be recorded") && refused.contains("refused by a trigger"), "{refused}");
    assert_eq!(
        outcomes,
        [
            "slow: retry: timed out after 20ms",
            "once: dead: failure 1 of 1: no",
            "panics: retry: panicked: before the run",
            "follows: succeeded",
            "nobody: deferred: no receiver named `nobody` is registered",
            "plain: dead: its headers are not a JSON object of texts",
            "followed: deferred: no receiver named `followed` is registered",
            "plain: succeeded",
        ]
    );
    assert_eq!(bench.record(suspect).await.attempt, 3);
}

#[tokio::test]
async fn what_is_claimed_and_not_run_is_given_back() {
    let mut bench = Bench::new();
    let id = bench.send("plain").await;
    let (mut drain, _seen) = bench.drain().await;
    drain.claim(["default"]).await.unwrap().unwrap();
    assert_eq!(bench.record(id).await.state, State::Running);
    drain.end().await.unwrap();
    let record = bench.record(id).await;
    assert_eq!((record.state, record.attempt), (State::Waiting, 0));
}

#[tokio::test]
async fn a_drain_that_is_dropped_in_the_middle_of_a_run_gives_the_task_back() {
    let mut bench = Bench::new();
    let begun = Arc::new(Notify::new());
    let has_begun = begun.clone();
    bench.receiver("hangs", ReceiverPolicy::default(), move |_| {
        let has_begun = has_begun.clone();
        Run::asynchronous(async move {
            has_begun.notify_one();
            std::future::pending().await
        })
    });
    bench.plain("plain");
    let id = bench.send("hangs").await;
    let (mut drain, _seen) = bench.drain().await;
    let task = drain.claim(["default"]).await.unwrap().unwrap();
    tokio::select! {
        ended = drain.run(task) => panic!("{ended:?}"),
        () = begun.notified() => {}
    }
    drop(drain);
    let (mut next, _seen) = bench.drain().await;
    let again = next.claim(["default"]).await.unwrap().unwrap();
    assert_eq!((again.id, again.attempt), (id, 1));
}
