//! Runs go to children, and their results to the store.

use crate::{Site, is_succeeded};
use rustix::process::Signal;
use signalpost_store::{EndState, NewTask, State};
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn every_task_is_run_once_and_its_success_recorded() {
    let site = Site::new();
    site.send_many("ok", "{}", 500).await;
    let payload = r#"{"named": {"text": "Zoë \" \\n 😀"},  "n": 1.10}"#;
    let echo = site.send("echo", payload).await;
    site.start("", &["--processes", "2", "--exit-when-idle"]).end_well();
    let counts = site.stores[0].counts().await.unwrap();
    assert_eq!((counts.ended(EndState::Succeeded), counts.is_idle()), (501, true));
    let record = site.record(echo).await;
    assert_eq!((record.attempt, record.result.as_deref()), (1, Some(payload)));
}

#[tokio::test]
async fn what_a_child_says_becomes_of_the_task() {
    let site = Site::new();
    let retried = site.send("retry", r#"{"times": 2, "after": 1}"#).await;
    let follows = site.send("follow", "{}").await;
    let dead = site.send("dead", "{}").await;
    site.start("", &["--processes", "1", "--exit-when-idle"]).end_well();
    let record = site.record(retried).await;
    assert_eq!((record.attempt, record.deaths, is_succeeded(&record)), (3, 0, true));
    let record = site.record(dead).await;
    assert_eq!((record.state, record.reason.as_deref()), (State::Ended(EndState::Dead), Some("ValueError: never")));
    let all = site.stores[0].tasks(&Default::default()).await.unwrap();
    assert!(all.iter().any(|task| task.parent == Some(follows) && is_succeeded(task)));
}

#[tokio::test]
async fn what_a_child_does_not_know_waits_for_another_worker() {
    let site = Site::new();
    let task = site.send("unknown", "{}").await;
    site.start("", &["--processes", "1", "--once"]).end_well();
    let record = site.record(task).await;
    assert_eq!((record.state, record.attempt), (State::Waiting, 0));
    assert_eq!(record.reason.as_deref(), Some("no receiver of that name here"));
}

#[tokio::test]
async fn a_payload_that_no_frame_can_hold_is_dead_and_the_others_run() {
    let site = Site::new();
    let large = site.send("ok", &format!("\"{}\"", "x".repeat(9 << 20))).await;
    site.send("ok", "{}").await;
    site.start("", &["--processes", "1", "--exit-when-idle"]).end_well();
    let record = site.record(large).await;
    assert_eq!(record.state, State::Ended(EndState::Dead));
    assert!(record.reason.unwrap().contains("can be handed to a child"));
}

#[tokio::test]
async fn an_engine_that_is_to_run_once_leaves_what_is_not_due() {
    let site = Site::new();
    site.send_many("ok", "{}", 10).await;
    let mut later = NewTask::new("tests.signal", "ok", "{}");
    later.delay = Duration::from_secs(3_600);
    site.stores[0].insert(vec![later]).await.unwrap();
    site.start("", &["--processes", "1", "--once"]).end_well();
    let counts = site.stores[0].counts().await.unwrap();
    assert_eq!((counts.ended(EndState::Succeeded), counts.waiting), (10, 1));
}

#[tokio::test]
async fn asynchronous_receivers_run_together_however_few_threads_there_are() {
    let site = Site::new();
    site.send_many("async-waits", "{}", 60).await;
    let mut engine = site.start("", &["--processes", "1", "--threads", "1", "--exit-when-idle"]);
    let waiting: Vec<_> = (0..60).map(|_| site.next_waiting()).collect();
    assert_eq!(waiting.iter().map(|run| run.task).collect::<BTreeSet<_>>().len(), 60);
    drop(waiting);
    engine.end_well();
}

#[tokio::test]
async fn what_waits_behind_a_long_run_goes_to_a_child_that_is_free() {
    let site = Site::new();
    let mut engine = site.start("", &["--processes", "2", "--threads", "1", "--exit-when-idle"]);
    // `--exit-when-idle` looks after the first hello.
    let long = site.send("waits", "{}").await;
    let run = site.next_waiting();
    let short = site.send_many("ok", "{}", 40).await;
    site.until(async |store| store.counts().await.unwrap().ended(EndState::Succeeded) == 40).await;
    assert_eq!(site.record(long).await.state, State::Running);
    drop(run);
    engine.end_well();
    for task in short {
        assert_eq!(site.record(task).await.attempt, 1);
    }
}

#[tokio::test]
async fn what_no_child_has_room_for_is_left_to_other_workers() {
    let site = Site::new();
    site.send_many("waits", "{}", 2).await;
    let engine = site.start("", &["--processes", "1", "--threads", "2"]);
    let runs = [site.next_waiting(), site.next_waiting()];
    site.send_many("ok", "{}", 5).await;
    site.until(async |store| {
        let counts = store.counts().await.unwrap();
        (counts.waiting, counts.running) == (5, 2)
    })
    .await;
    drop(runs);
    site.until(async |store| store.counts().await.unwrap().is_idle()).await;
    engine.signal(Signal::TERM);
}

#[tokio::test]
async fn several_stores_are_served_by_one_engine() {
    let site = Site::with_stores(&["default", "second"]);
    for store in &site.stores {
        store.insert((0..50).map(|_| NewTask::new("tests.signal", "ok", "{}")).collect()).await.unwrap();
    }
    site.start("", &["--processes", "2", "--exit-when-idle"]).end_well();
    for store in &site.stores {
        assert_eq!(store.counts().await.unwrap().ended(EndState::Succeeded), 50);
    }
}

#[tokio::test]
async fn an_engine_that_is_to_run_once_runs_what_one_store_sends_to_another() {
    let site = Site::with_stores(&["default", "second"]);
    site.stores[1].insert(vec![NewTask::new("tests.signal", "waits", "{}")]).await.unwrap();
    let mut engine = site.start("", &["--processes", "1", "--once"]);
    let run = site.next_waiting();
    // The first store's worker has nothing to do.
    site.wait_for("event info None 0 stopped");
    let sent = site.send("ok", "{}").await;
    drop(run);
    engine.end_well();
    assert!(is_succeeded(&site.record(sent).await));
}

#[tokio::test]
async fn only_the_queues_that_are_asked_for_are_served() {
    let site = Site::new();
    for queue in ["default", "other", "third"] {
        let mut task = NewTask::new("tests.signal", "ok", "{}");
        task.queue = queue.to_owned();
        site.stores[0].insert(vec![task]).await.unwrap();
    }
    let waiting = async || {
        let counts = site.stores[0].counts().await.unwrap();
        counts.waiting
    };
    site.start("", &["--processes", "1", "--once", "--queue", "third"]).end_well();
    assert_eq!(waiting().await, 2);
    // What the children say that they have: `default` and `other`.
    site.start("", &["--processes", "1", "--once", "--exclude-queue", "other"]).end_well();
    assert_eq!(waiting().await, 1);
    site.start("", &["--processes", "1", "--once"]).end_well();
    assert_eq!(waiting().await, 0);
}

#[tokio::test]
async fn a_child_that_wants_to_know_is_told_what_was_recorded() {
    let site = Site::new();
    site.send("dead", "{}").await;
    let engine = site.start("finished", &["--processes", "1"]);
    assert_eq!(site.wait_for("finished"), "finished dead dead");
    site.send("ok", "{}").await;
    assert_eq!(site.wait_for("finished"), "finished ok ok");
    engine.signal(Signal::TERM);
}

#[tokio::test]
async fn what_the_children_know_is_published() {
    let site = Site::new();
    let engine = site.start("", &["--processes", "1"]);
    site.until(async |store| {
        let published = store.published_receivers(Duration::from_secs(60)).await.unwrap();
        published.iter().any(|receiver| receiver.name == "ok")
    })
    .await;
    engine.signal(Signal::TERM);
}
