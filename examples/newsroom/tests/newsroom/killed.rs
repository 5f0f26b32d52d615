//! Killed with SIGKILL again and again, and started again each time.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::pages::address;
use crate::{Home, Running, assert_complete, report};

const KILLS: usize = 10;

/// Ten times: start, let it run for a random part of what a whole run takes, kill. Then once to the end. What the store
/// had recorded as succeeded at a kill must never start again; everything else may.
fn kill_ten_times(home: &Home, takes: Duration) {
    let mut random = random();
    let mut settled: Vec<(usize, HashSet<i64>)> = Vec::new();
    for kill in 0..KILLS {
        let process = home.newsroom().arg("--exit-when-idle").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        kill_after(&mut process.unwrap(), takes.mul_f64(random.f64()));
        settled.push(seen(home, kill));
    }
    let (report, succeeded) = home.run_until_idle();
    println!("{report}");
    assert!(succeeded, "{report}");
    assert_complete(&report);
    assert_what_has_succeeded_never_starts_again(home, settled);
}

#[test]
fn killed_ten_times_everything_completes_and_only_what_was_in_hand_runs_again() {
    let home = Home::on_sqlite();
    kill_ten_times(&home, time_of(&Home::on_sqlite()));
    let check: String = Connection::open(home.data().join("newsroom.db"))
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn killed_ten_times_on_postgresql_everything_completes_and_only_what_was_in_hand_runs_again() {
    kill_ten_times(&Home::on_postgres(), time_of(&Home::on_postgres()));
}

/// The pages live on while workers beside them are killed, each with work in hand.
#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn ten_workers_are_killed_beside_the_pages_and_everything_completes() {
    let (home, mut random) = (Home::on_postgres(), random());
    let mut pages = home.newsroom();
    pages.args(["web", "--exit-when-idle"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut pages = pages.spawn().unwrap();
    let port = address(&mut pages).rsplit_once(':').unwrap().1.to_owned();
    let worker = || Running(home.newsroom().args(["worker", "--port", &port]).spawn().unwrap());
    let mut settled = Vec::new();
    for kill in 0..KILLS {
        let (before, mut worker) = (ledger(home.data()).len(), worker());
        while ledger(home.data()).len() == before && pages.try_wait().unwrap().is_none() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        kill_after(&mut worker.0, Duration::from_millis(random.u64(..100)));
        settled.push(seen(&home, kill));
    }
    let _last = worker();
    let output = pages.wait_with_output().unwrap();
    let report = report(output.stdout);
    println!("{report}");
    assert!(output.status.success(), "{report}");
    assert_complete(&report);
    assert_what_has_succeeded_never_starts_again(&home, settled);
}

fn random() -> Rng {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    Rng::with_seed(seed)
}

/// What a whole run takes.
fn time_of(home: &Home) -> Duration {
    let began = Instant::now();
    home.run_until_idle();
    began.elapsed()
}

/// The moment is the input here, so it is waited for; a process that ends before is as good.
fn kill_after(process: &mut Child, time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until && process.try_wait().unwrap().is_none() {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    let _ = process.kill();
    process.wait().unwrap();
}

/// How many lines the ledger has, and what the store has recorded.
fn seen(home: &Home, kill: usize) -> (usize, HashSet<i64>) {
    let (lines, succeeded) = (ledger(home.data()).len(), succeeded(home));
    println!("kill {kill}: {lines} lines in the ledger, {} tasks succeeded", succeeded.len());
    (lines, succeeded)
}

fn assert_what_has_succeeded_never_starts_again(home: &Home, settled: Vec<(usize, HashSet<i64>)>) {
    let lines = ledger(home.data());
    for (seen, succeeded) in settled {
        for line in &lines[seen..] {
            let task = line["task"].as_i64().unwrap();
            assert!(!succeeded.contains(&task), "task {task} had succeeded and ran again: {line}");
        }
    }
}

fn ledger(data: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(data.join("ledger.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The tasks that the store has recorded as succeeded. None before there is a store.
fn succeeded(home: &Home) -> HashSet<i64> {
    let ids = "SELECT id FROM signalpost_history WHERE state = 'succeeded'";
    if let Some(database) = &home.postgres {
        return database.run_sql(ids).unwrap_or_default().lines().map(|id| id.parse().unwrap()).collect();
    }
    let file = home.data().join("newsroom.db");
    let Ok(store) = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return HashSet::new();
    };
    let Ok(mut ids) = store.prepare(ids) else {
        return HashSet::new();
    };
    ids.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}
