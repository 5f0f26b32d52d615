//! From the commit to the receiver, when the worker is idle; and what idling costs.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use signalpost::{BoxError, Outbox, SqliteStore, Worker, with_store};
use tokio::runtime::{Builder, Runtime};

use super::database::{Database, connect};
use crate::measure::{Measure, median, percentile};
use crate::ping::{PING, Ping, Runs, cpu_nanos, nanos};
use crate::process::send_elsewhere;
use crate::worker::{RunningWorker, until_ran};

pub(crate) fn run(quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (sends, idle) = if quick { (150, Duration::from_secs(3)) } else { (1_000, Duration::from_secs(10)) };
    let [mut from_call, mut here] = with_idle_worker(sends, |runtime, idle| {
        let store = idle.store;
        runtime.block_on(runtime.spawn(with_store(store, async move {
            let mut sent = Vec::with_capacity(sends);
            for number in 1..=sends {
                tokio::time::sleep(pause()).await;
                let called = nanos();
                PING.asend("bench", &Ping { number }).await?;
                sent.push((number, [called, nanos()]));
            }
            Ok::<_, BoxError>(sent)
        })))?
    })?;
    let [mut elsewhere] = with_idle_worker(sends, |_, idle| {
        let count = sends.to_string();
        send_elsewhere([OsStr::new("sqlite-sender"), idle.path.as_os_str(), OsStr::new(&count)])
    })?;
    Ok(vec![
        Measure::alone("from asend's return to the receiver: median", median(&mut here), "ms", "under 1"),
        Measure::alone("  p99", percentile(&mut here, 99.0), "ms", ""),
        Measure::alone("  from its call, the commit included: median", median(&mut from_call), "ms", ""),
        Measure::alone(
            "from another process's commit to the receiver: median",
            median(&mut elsewhere),
            "ms",
            "under 3",
        ),
        Measure::alone("  p99", percentile(&mut elsewhere, 99.0), "ms", "under 20"),
        Measure::alone("CPU of an idle worker, of one core", cpu_while_idle(idle)?, "%", "under 1"),
    ])
}

/// What somebody who sends to an idle worker needs.
struct Idle<'a> {
    store: Arc<SqliteStore>,
    path: &'a Path,
}

/// Milliseconds from the times that `send` gives, by number, to the receiver's run. Less than nothing where it ran first.
fn with_idle_worker<const TIMES: usize>(
    sends: usize,
    send: impl FnOnce(&Runtime, Idle<'_>) -> Result<Vec<(usize, [u64; TIMES])>, BoxError>,
) -> Result<[Vec<f64>; TIMES], BoxError> {
    let database = Database::new()?;
    let (runtime, store, runs) = (Runtime::new()?, database.store()?, Runs::new(sends));
    let worker = RunningWorker::start(&runtime, Worker::new(store.clone()).data(runs.clone()));
    let sent = send(&runtime, Idle { store, path: database.path() })?;
    until_ran(&runs, sends, || Ok(()))?;
    worker.stop(&runtime)?;
    Ok(std::array::from_fn(|which| {
        let milliseconds = |(number, times): &(usize, [u64; TIMES])| {
            runs.time(*number).map(|ran| (ran as f64 - times[which] as f64) / 1e6)
        };
        sent.iter().filter_map(milliseconds).collect()
    }))
}

fn cpu_while_idle(idle: Duration) -> Result<f64, BoxError> {
    let database = Database::new()?;
    let (runtime, store, runs) = (Runtime::new()?, database.store()?, Runs::new(1));
    let worker = RunningWorker::start(&runtime, Worker::new(store.clone()).data(runs.clone()));
    // Once it has run something it has started for certain.
    runtime.block_on(with_store(store, PING.asend("bench", &Ping { number: 1 })))?;
    until_ran(&runs, 1, || Ok(()))?;
    let (cpu, time) = (cpu_nanos(), nanos());
    thread::sleep(idle);
    let share = (cpu_nanos() - cpu) as f64 / (nanos() - time) as f64;
    worker.stop(&runtime)?;
    Ok(share * 100.0)
}

fn pause() -> Duration {
    Duration::from_micros(fastrand::u64(10_000..30_000))
}

struct Rusqlite<'a>(&'a mut Connection);

impl Outbox for Rusqlite<'_> {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        Ok(self.0.prepare_cached(sql)?.execute([json])? as u64)
    }
}

/// The other process: sends in transactions of its own.
pub(crate) fn send(database: &Path, sends: usize) -> Result<(), BoxError> {
    let runtime = Builder::new_current_thread().build()?;
    let store = Arc::new(SqliteStore::open(database)?);
    let mut connection = connect(database)?;
    let sent = runtime.block_on(with_store(store, async {
        let mut sent = Vec::with_capacity(sends);
        for number in 1..=sends {
            thread::sleep(pause());
            connection.execute_batch("BEGIN IMMEDIATE")?;
            PING.send_in(Rusqlite(&mut connection), "bench", &Ping { number }).await?;
            connection.execute_batch("COMMIT")?;
            sent.push((number, nanos()));
        }
        Ok::<_, BoxError>(sent)
    }))?;
    for (number, time) in sent {
        println!("{number} {time}");
    }
    Ok(())
}
