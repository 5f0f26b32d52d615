//! Who is charged when a child dies, hangs or lies.

use crate::{Site, is_succeeded};
use rustix::process::Signal;
use signalpost_store::{EndState, State};
use std::collections::HashMap;

#[tokio::test]
async fn a_timeout_kills_the_child_and_charges_that_task_alone() {
    let site = Site::new();
    let neighbour = site.send("waits", "{}").await;
    let engine = site.start("", &["--processes", "1", "--threads", "2"]);
    let mut at_work = site.next_waiting();
    let hangs = site.send("hangs", r#"{"timeout": 200, "most": 1}"#).await;
    let mut hanging = site.next_waiting();
    assert_eq!(hanging.pid, at_work.pid);
    hanging.wait_for_death();
    at_work.wait_for_death();
    // The neighbour runs again, in another child, and no attempt has been counted.
    let again = site.next_waiting();
    assert!(again.task == neighbour.0 && again.pid != at_work.pid);
    drop(again);
    site.until(async |store| store.counts().await.unwrap().is_idle()).await;
    let record = site.record(neighbour).await;
    assert_eq!((record.attempt, record.deaths, is_succeeded(&record)), (1, 0, true));
    let record = site.record(hangs).await;
    assert_eq!((record.attempt, record.deaths, record.state), (1, 0, State::Ended(EndState::Dead)));
    assert_eq!(record.reason.as_deref(), Some("failure 1 of 1: timed out after 200ms"));
    engine.signal(Signal::TERM);
}

#[tokio::test]
async fn a_stopped_child_is_killed_at_its_deadline_too() {
    let site = Site::new();
    let task = site.send("hangs", r#"{"timeout": 400, "most": 1}"#).await;
    let mut engine = site.start("", &["--processes", "1", "--exit-when-idle"]);
    let mut hanging = site.next_waiting();
    let pid = rustix::process::Pid::from_raw(hanging.pid).unwrap();
    rustix::process::kill_process(pid, Signal::STOP).unwrap();
    hanging.wait_for_death();
    engine.end_well();
    assert_eq!(site.record(task).await.state, State::Ended(EndState::Dead));
}

/// A task that kills its child each time is dead in the end, with the reason; the others run.
async fn a_poisonous(receiver: &str, behaviour: &str, reason: &str) {
    let site = Site::new();
    let innocent = site.send_many("ok", "{}", 30).await;
    let poison = site.send(receiver, "{}").await;
    let more = site.send_many("ok", "{}", 30).await;
    let mut engine = site.start(behaviour, &["--processes", "2", "--exit-when-idle"]);
    let (status, said) = engine.end();
    assert!(status.success(), "{status}: {said}");
    let record = site.record(poison).await;
    assert_eq!((record.state, record.attempt, record.deaths), (State::Ended(EndState::Dead), 5, 4));
    let found = record.reason.unwrap();
    assert!(found.contains("died 3 times while it ran alone") && found.contains(reason), "{found}");
    for task in innocent.into_iter().chain(more) {
        let record = site.record(task).await;
        assert!(is_succeeded(&record) && record.deaths <= 2, "{record:?}");
    }
    // Or, where no other child was ready, on standard error.
    if !said.contains("met a death") {
        site.wait_for("event error died ");
    }
}

#[tokio::test]
async fn a_receiver_that_segfaults_is_charged_with_its_deaths_and_the_others_run() {
    a_poisonous("segfault", "", "killed by signal 11 (SIGSEGV)").await;
}

#[tokio::test]
async fn a_receiver_that_exits_is_charged_with_its_deaths_and_the_others_run() {
    a_poisonous("exit", "", "exited with status 3").await;
}

#[tokio::test]
async fn a_receiver_that_closes_all_descriptors_is_charged_with_its_deaths_and_the_others_run() {
    a_poisonous("close", "", "exited with status 71").await;
}

#[tokio::test]
async fn a_child_that_closes_its_connection_is_killed() {
    a_poisonous("hang-up", "deaf", "it has closed its connection to the engine").await;
}

#[tokio::test]
async fn a_child_that_sends_nonsense_is_given_up() {
    a_poisonous("nonsense", "", "its frames make no sense: a frame of 4294967295 bytes was announced").await;
}

#[tokio::test]
async fn a_child_that_reports_on_a_run_that_it_does_not_have_is_given_up() {
    a_poisonous("lie", "", "its frames make no sense: a result of run 1099511627776").await;
}

#[tokio::test]
async fn what_had_not_begun_when_a_child_was_killed_has_met_no_death() {
    let site = Site::new();
    let begun = site.send("waits", "{}").await;
    let engine = site.start("", &["--processes", "1", "--threads", "1"]);
    let mut run = site.next_waiting();
    let behind = site.send_many("ok", "{}", 3).await;
    site.until(async |store| store.counts().await.unwrap().running > 1).await;
    let pid = rustix::process::Pid::from_raw(run.pid).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    run.wait_for_death();
    let again = site.next_waiting();
    assert_eq!(again.task, begun.0);
    let record = site.record(begun).await;
    assert_eq!((record.attempt, record.deaths), (2, 1));
    assert_eq!(record.reason.as_deref(), Some("killed by signal 9 (SIGKILL)"));
    drop(again);
    site.until(async |store| store.counts().await.unwrap().is_idle()).await;
    for task in behind {
        let record = site.record(task).await;
        assert_eq!((record.attempt, record.deaths, is_succeeded(&record)), (1, 0, true));
    }
    engine.signal(Signal::TERM);
}

#[tokio::test]
async fn what_a_child_died_of_before_it_had_logged_it_another_one_logs() {
    let site = Site::new();
    let engine = site.start("dies-of-an-event", &["--processes", "3"]);
    for _ in 0..3 {
        site.wait_for("ready");
    }
    site.send("waits", "{}").await;
    let mut run = site.next_waiting();
    let pid = rustix::process::Pid::from_raw(run.pid).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    run.wait_for_death();
    // Of the two that are left one dies of the event, and the other has it, and that one's.
    let event = site.wait_for("event error died 1 ");
    assert!(event.ends_with("killed by signal 9 (SIGKILL); a task has met a death"), "{event}");
    let event = site.wait_for("event error died 0 ");
    assert!(event.contains("exited with status 9"), "{event}");
    engine.signal(Signal::QUIT);
}

#[tokio::test]
async fn a_receiver_that_holds_the_interpreters_lock_does_not_keep_the_others_waiting() {
    let site = Site::new();
    let spins = site.send("spins", "{}").await;
    let engine = site.start("", &["--processes", "1", "--threads", "1", "--answer-timeout", "1"]);
    let mut run = site.next_waiting();
    let behind = site.send_many("ok", "{}", 3).await;
    site.until(async |store| store.counts().await.unwrap().running > 1).await;
    run.connection.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    run.wait_for_death();
    let again = site.next_waiting();
    assert_eq!(again.task, spins.0);
    let record = site.record(spins).await;
    assert_eq!((record.deaths, record.reason.as_deref()), (1, Some("it has not answered for 1s")));
    engine.signal(Signal::QUIT);
    drop(again);
    for task in behind {
        assert_eq!(site.record(task).await.deaths, 0);
    }
}

#[tokio::test]
async fn a_task_that_kills_its_children_before_it_begins_is_charged_in_the_end() {
    let site = Site::new();
    let task = site.send("unreadable", "{}").await;
    let engine = site.start("", &["--processes", "1"]);
    site.until(async |_| site.record(task).await.deaths == 1).await;
    let record = site.record(task).await;
    assert_eq!((record.attempt, record.reason.as_deref()), (1, Some("exited with status 3")));
    engine.signal(Signal::QUIT);
}

#[tokio::test]
async fn the_next_child_is_told_of_a_death_where_no_other_is_there() {
    let site = Site::new();
    site.send("exit", "{}").await;
    let engine = site.start("", &["--processes", "1"]);
    site.wait_for("event error died 1 child 1 has died: exited with status 3; a task has met a death");
    engine.signal(Signal::QUIT);
}

#[tokio::test]
async fn what_a_receiver_writes_to_its_output_harms_nobody() {
    let site = Site::new();
    let task = site.send("shout", "{}").await;
    site.start("", &["--processes", "1", "--exit-when-idle"]).end_well();
    assert!(is_succeeded(&site.record(task).await));
}

#[tokio::test]
async fn however_many_children_are_killed_no_task_is_lost() {
    let site = Site::new();
    let mut tasks = Vec::new();
    for _ in 0..4 {
        tasks.extend(site.send_many("ok", "{}", 50).await);
        tasks.push(site.send("waits", "{}").await);
    }
    let mut engine = site.start("", &["--processes", "2", "--exit-when-idle"]);
    let mut killed: HashMap<i64, u32> = HashMap::new();
    // Twice for each that waits at the gate; its third run alone is let go on.
    let mut left = 4;
    while left > 0 {
        let mut run = site.next_waiting();
        let times = killed.entry(run.task).or_default();
        *times += 1;
        if *times <= 2 {
            let pid = rustix::process::Pid::from_raw(run.pid).unwrap();
            // It may have been killed for a neighbour that came to the gate before.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            run.wait_for_death();
        } else {
            left -= 1;
        }
    }
    engine.end_well();
    for task in tasks {
        let record = site.record(task).await;
        assert!(is_succeeded(&record) && record.attempt == record.deaths + 1, "{record:?}");
    }
}
