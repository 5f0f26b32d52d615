//! What a worker that drains does to somebody else who writes to the file.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use signalpost::BoxError;

use super::database::Database;
use super::{raw, worker};
use crate::measure::{Measure, median, percentile};

const EVERY: Duration = Duration::from_millis(5);

pub(crate) fn run(quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (rounds, tasks) = if quick { (5, 20_000) } else { (5, 100_000) };
    let (mut commits, mut beside, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let database = Database::with_tasks(tasks)?;
        let took = worker::drained(&mut worker::start(database.path(), tasks)?)?;
        alone.push(tasks as f64 / took.as_secs_f64());

        let database = Database::with_tasks(tasks)?;
        let connection = database.connect()?;
        connection.execute_batch("CREATE TABLE neighbour (id INTEGER PRIMARY KEY, at INTEGER NOT NULL)")?;
        let mut working = worker::start(database.path(), tasks)?;
        let is_over = AtomicBool::new(false);
        let (took, waited) = thread::scope(|scope| {
            let writing = scope.spawn(|| write_now_and_then(connection, &is_over));
            let took = worker::drained(&mut working);
            is_over.store(true, Relaxed);
            (took, writing.join())
        });
        beside.push(tasks as f64 / took?.as_secs_f64());
        let waited = waited.map_err(|_| "the neighbour has panicked")?;
        commits.extend(waited.map_err(|error| format!("a commit of the neighbour's failed: {error}"))?);
    }
    let count = commits.len();
    Ok(vec![
        Measure::alone(
            format!("{count} commits of a neighbour during {tasks} tasks: p99"),
            percentile(&mut commits, 99.0),
            "ms",
            "under 50; none fails",
        ),
        Measure::alone("  median", median(&mut commits), "ms", ""),
        Measure::alone("  slowest", percentile(&mut commits, 100.0), "ms", ""),
        Measure::beside(
            "  drained beside the neighbour | alone",
            median(&mut beside),
            median(&mut alone),
            "tasks/s",
            "",
        ),
    ])
}

/// Milliseconds that each commit took, the wait for the lock included.
fn write_now_and_then(connection: Connection, is_over: &AtomicBool) -> rusqlite::Result<Vec<f64>> {
    let mut waited = Vec::new();
    while !is_over.load(Relaxed) {
        let began = Instant::now();
        raw::write(&connection, |connection| {
            connection.prepare_cached("INSERT INTO neighbour (at) VALUES (?1)")?.execute([raw::now()])
        })?;
        let took = began.elapsed();
        waited.push(took.as_secs_f64() * 1e3);
        thread::sleep(EVERY.saturating_sub(took));
    }
    Ok(waited)
}
