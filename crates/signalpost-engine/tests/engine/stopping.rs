//! Stopping the engine, softly and hard; and its death.

use crate::{Site, is_succeeded};
use rustix::process::{Pid, Signal, kill_process};
use signalpost_store::State;
use std::process::Command;

#[tokio::test]
async fn a_soft_stop_lets_what_runs_end_and_gives_back_what_has_not_begun() {
    let site = Site::new();
    let running = site.send("waits", "{}").await;
    let mut engine = site.start("", &["--processes", "1", "--threads", "1"]);
    let run = site.next_waiting();
    let behind = site.send_many("waits", "{}", 3).await;
    site.until(async |store| store.counts().await.unwrap().running > 1).await;
    engine.signal(Signal::TERM);
    site.until(async |store| store.counts().await.unwrap().waiting == 3).await;
    drop(run);
    engine.end_well();
    assert!(is_succeeded(&site.record(running).await));
    for task in behind {
        let record = site.record(task).await;
        assert_eq!((record.state, record.attempt), (State::Waiting, 0));
    }
    site.wait_for("stopped");
}

#[tokio::test]
async fn an_engine_can_be_stopped_before_any_child_is_ready() {
    let site = Site::new();
    let mut engine = site.start("dawdles", &["--processes", "1"]);
    site.wait_for("dawdling");
    engine.signal(Signal::TERM);
    engine.end_well();
}

#[tokio::test]
async fn a_signal_that_reaches_the_children_too_is_the_engines_affair() {
    let site = Site::new();
    let task = site.send("waits", "{}").await;
    let mut engine = site.start("", &["--processes", "1"]);
    let run = site.next_waiting();
    let child = Pid::from_raw(run.pid).unwrap();
    for signal in [Signal::TERM, Signal::TERM] {
        kill_process(child, signal).unwrap();
    }
    engine.signal(Signal::TERM);
    site.wait_for("event info None 0 stopping");
    drop(run);
    engine.end_well();
    let record = site.record(task).await;
    assert_eq!((record.attempt, record.deaths, is_succeeded(&record)), (1, 0, true));
}

#[tokio::test]
async fn the_error_of_one_store_does_not_cut_short_what_runs_for_another() {
    let site = Site::with_stores(&["default", "second"]);
    let task = site.send("waits", "{}").await;
    let mut engine = site.start("", &["--processes", "1", "--threads", "1"]);
    let run = site.next_waiting();
    // Somebody drops the tables of the other one.
    let script =
        "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=60).execute('DROP TABLE signalpost_worker')";
    let database = Site::file(site.directory.path(), "second");
    let dropped = Command::new("python3").args(["-I", "-c", script]).arg(database).status().unwrap();
    assert!(dropped.success());
    engine.signal(Signal::TERM);
    site.wait_for("event error None 0 store `second`: ");
    drop(run);
    let (status, said) = engine.end();
    let last = said.lines().last().unwrap_or_default();
    assert!(status.code() == Some(1) && last.starts_with("signalpost: store `second`: "), "{status}: {said}");
    let record = site.record(task).await;
    assert_eq!((record.attempt, record.deaths, is_succeeded(&record)), (1, 0, true));
}

async fn stopped_hard(signals: &[Signal]) {
    let site = Site::new();
    let task = site.send("waits", "{}").await;
    let mut engine = site.start("", &["--processes", "2", "--grace", "600"]);
    let mut run = site.next_waiting();
    site.wait_for("ready");
    site.wait_for("ready");
    for signal in signals {
        engine.signal(*signal);
        if signals.len() > 1 && *signal == signals[0] {
            // Nothing is claimed any more.
            site.send("ok", "{}").await;
            site.wait_for("event info None 0 stopping");
        }
    }
    run.wait_for_death();
    engine.end_well();
    let record = site.record(task).await;
    assert_eq!((record.state, record.attempt, record.deaths), (State::Waiting, 0, 0));
    // Nobody was asked first.
    assert!(!site.told_so_far().iter().any(|event| event.starts_with("stopped")));
}

#[tokio::test]
async fn a_second_signal_kills_what_runs_and_no_attempt_is_counted() {
    stopped_hard(&[Signal::TERM, Signal::INT]).await;
}

#[tokio::test]
async fn sigquit_does_so_at_once() {
    stopped_hard(&[Signal::QUIT]).await;
}

#[tokio::test]
async fn when_the_grace_is_over_what_runs_is_killed() {
    let site = Site::new();
    let task = site.send("waits", "{}").await;
    let mut engine = site.start("", &["--processes", "1", "--grace", "0"]);
    let mut run = site.next_waiting();
    engine.signal(Signal::TERM);
    run.wait_for_death();
    engine.end_well();
    assert_eq!(site.record(task).await.attempt, 0);
}

#[tokio::test]
async fn children_die_with_an_engine_that_is_killed_busy_ones_too() {
    let site = Site::new();
    site.send("spins", "{}").await;
    site.send("waits", "{}").await;
    let engine = site.start("", &["--processes", "2", "--threads", "1"]);
    let mut runs = [site.next_waiting(), site.next_waiting()];
    for run in &mut runs {
        if run.receiver == "spins" {
            // It goes on, and holds Python's lock from now on.
            run.connection.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
        }
    }
    engine.signal(Signal::KILL);
    runs.iter_mut().for_each(crate::Waiting::wait_for_death);
}

#[tokio::test]
async fn what_a_receiver_has_started_ends_with_its_child() {
    let site = Site::new();
    let task = site.send("fork", "{}").await;
    let mut engine = site.start("", &["--processes", "1"]);
    let mut grandchild = site.next_waiting();
    assert_eq!(grandchild.receiver, "grandchild");
    site.until(async |store| store.counts().await.unwrap().is_idle()).await;
    assert!(is_succeeded(&site.record(task).await));
    engine.signal(Signal::TERM);
    grandchild.wait_for_death();
    engine.end_well();
}
