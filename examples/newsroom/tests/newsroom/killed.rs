//! Killed with SIGKILL again and again, and started again each time.

use std::collections::HashSet;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::{newsroom, run_until_idle};

const KILLS: usize = 10;

/// Ten times: start, let it run for a random part of what a whole run takes, kill. Then once to the end. What the store
/// had recorded as succeeded at a kill must never start again; everything else may.
#[test]
fn killed_ten_times_everything_completes_and_only_what_was_in_hand_runs_again() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    let whole = tempfile::tempdir().unwrap();
    let began = Instant::now();
    run_until_idle(whole.path());
    let takes = began.elapsed();

    let data = tempfile::tempdir().unwrap();
    let mut settled: Vec<(usize, HashSet<i64>)> = Vec::new();
    for kill in 0..KILLS {
        let mut process =
            newsroom(data.path()).arg("--exit-when-idle").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + takes.mul_f64(random.f64());
        // The moment is the input here, so it is waited for; a process that ends before is as good.
        while Instant::now() < until && process.try_wait().unwrap().is_none() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let _ = process.kill();
        process.wait().unwrap();
        let (lines, succeeded) = (ledger(data.path()).len(), succeeded(data.path()));
        println!("kill {kill}: {lines} lines in the ledger, {} tasks succeeded", succeeded.len());
        settled.push((lines, succeeded));
    }
    let (report, succeeded) = run_until_idle(data.path());
    println!("{report}");
    assert!(succeeded, "{report}");
    assert_eq!((&report["articles"], &report["succeeded"]), (&6.into(), &24.into()));
    assert_eq!((&report["lost"], &report["dead"], &report["mails"]), (&0.into(), &0.into(), &30.into()));

    let lines = ledger(data.path());
    for (seen, succeeded) in settled {
        for line in &lines[seen..] {
            let task = line["task"].as_i64().unwrap();
            assert!(!succeeded.contains(&task), "task {task} had succeeded and ran again: {line}");
        }
    }
    let check: String = Connection::open(data.path().join("newsroom.db"))
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

fn ledger(data: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(data.join("ledger.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The tasks that the store has recorded as succeeded. None before there is a store.
fn succeeded(data: &Path) -> HashSet<i64> {
    let Ok(store) = Connection::open_with_flags(data.join("newsroom.db"), OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return HashSet::new();
    };
    let Ok(mut ids) = store.prepare("SELECT id FROM signalpost_history WHERE state = 'succeeded'") else {
        return HashSet::new();
    };
    ids.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}
