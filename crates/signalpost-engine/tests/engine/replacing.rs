//! Children are replaced, and no attempt is counted for it.

use crate::{Site, is_succeeded};
use rustix::process::Signal;
use signalpost_store::EndState;
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn a_child_that_has_had_its_tasks_is_replaced() {
    let site = Site::new();
    let tasks = site.send_many("ok", "{}", 30).await;
    site.start("", &["--processes", "1", "--max-tasks-per-child", "7", "--exit-when-idle"]).end_well();
    for task in tasks {
        let record = site.record(task).await;
        assert_eq!((record.attempt, record.deaths, is_succeeded(&record)), (1, 0, true));
    }
    let told = site.told_so_far();
    let children: BTreeSet<&String> = told.iter().filter(|event| event.starts_with("ready")).collect();
    assert!(children.len() >= 5, "{told:?}");
    assert!(told.iter().filter(|event| event.starts_with("stopped")).count() >= 4, "{told:?}");
}

#[tokio::test]
async fn a_child_that_has_grown_too_large_is_replaced_after_its_task() {
    let site = Site::new();
    let engine = site.start("", &["--processes", "1", "--max-memory-per-child", "150"]);
    site.wait_for("ready");
    let task = site.send("leak", "{}").await;
    // The old one may say so first: what the new one says to the test is not what it says to the engine.
    let mut missing = vec!["ready", "stopped"];
    while !missing.is_empty() {
        let event = site.wait_for("");
        missing.retain(|beginning| !event.starts_with(beginning));
    }
    assert!(is_succeeded(&site.record(task).await));
    engine.signal(Signal::TERM);
}

#[tokio::test]
async fn a_limit_that_a_fresh_child_is_above_replaces_nobody() {
    let site = Site::new();
    site.send_many("ok", "{}", 20).await;
    site.start("", &["--processes", "1", "--max-memory-per-child", "1", "--exit-when-idle"]).end_well();
    let told = site.told_so_far();
    assert_eq!(told.iter().filter(|event| event.starts_with("ready")).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|event| event.contains("a fresh child uses")).count(), 1, "{told:?}");
}

#[tokio::test]
async fn at_sighup_every_child_is_replaced_and_what_runs_goes_on() {
    let site = Site::new();
    let task = site.send("waits", "{}").await;
    let engine = site.start("", &["--processes", "2"]);
    let run = site.next_waiting();
    site.wait_for("ready");
    site.wait_for("ready");
    engine.signal(Signal::HUP);
    for _ in 0..2 {
        site.wait_for("ready");
    }
    site.send_many("ok", "{}", 20).await;
    site.until(async |store| store.counts().await.unwrap().ended(EndState::Succeeded) == 20).await;
    let old = format!("stopped {}", run.pid);
    drop(run);
    site.wait_for(&old);
    site.until(async |store| store.counts().await.unwrap().is_idle()).await;
    let record = site.record(task).await;
    assert_eq!((record.attempt, record.deaths, is_succeeded(&record)), (1, 0, true));
    engine.signal(Signal::TERM);
}

#[tokio::test]
async fn what_new_children_know_is_published_and_a_new_queue_is_warned_of() {
    let site = Site::new();
    let engine = site.start("", &["--processes", "2"]);
    let publishes = async |name: &str| {
        site.until(async |store| {
            let published = store.published_receivers(Duration::from_secs(60)).await.unwrap();
            published.iter().any(|receiver| receiver.name == name)
        })
        .await;
    };
    publishes("ok").await;
    std::fs::write(site.directory.path().join("deployed"), "").unwrap();
    engine.signal(Signal::HUP);
    site.wait_for("event warning None 0 nobody serves the queue `new`, which is new");
    publishes("new").await;
    engine.signal(Signal::TERM);
}
