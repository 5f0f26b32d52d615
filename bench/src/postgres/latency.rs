//! From the commit to the receiver, when the worker is idle; and what idling costs.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use signalpost::{BoxError, Worker, with_store};
use signalpost_postgres_server::Server;
use signalpost_store::PostgresStore;
use tokio::runtime::{Builder, Runtime};

use super::database::{Database, connect};
use super::outbox::Preparing;
use super::worker::{cpu_nanos, start};
use crate::measure::{Measure, median, percentile};
use crate::ping::{PING, Ping, Runs, nanos};
use crate::process::send_elsewhere;
use crate::worker::{RunningWorker, until_ran};

/// Long enough for a worker that has started, or has just run something, to be idle.
const SETTLED: Duration = Duration::from_secs(2);

pub(crate) fn run(server: &Server, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (sends, idle) = if quick { (100, Duration::from_secs(3)) } else { (1_000, Duration::from_secs(10)) };
    let [mut from_call, mut here] = with_idle_worker(server, sends, |runtime, _, store| {
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
    let [mut elsewhere] = with_idle_worker(server, sends, |_, database, _| {
        send_elsewhere(["postgres-sender", database.url(), &sends.to_string()])
    })?;
    let [of_worker, of_server] = cpu_while_idle(server, idle)?;
    Ok(vec![
        Measure::alone("from asend's return to the receiver: median", median(&mut here), "ms", "under 1.5"),
        Measure::alone("  p99", percentile(&mut here, 99.0), "ms", "under 15"),
        Measure::alone("  from its call, the commit included: median", median(&mut from_call), "ms", ""),
        Measure::alone(
            "from another process's COMMIT to the receiver: median",
            median(&mut elsewhere),
            "ms",
            "under 1.5",
        ),
        Measure::alone("  p99", percentile(&mut elsewhere, 99.0), "ms", "under 15"),
        Measure::alone("CPU of an idle worker's process, of one core", of_worker, "%", "under 2"),
        Measure::alone("  with its sessions in the server", of_worker + of_server, "%", ""),
    ])
}

/// Milliseconds from the times that `send` gives, by number, to the receiver's run. Less than nothing where it ran first.
fn with_idle_worker<const TIMES: usize>(
    server: &Server,
    sends: usize,
    send: impl FnOnce(&Runtime, &Database<'_>, Arc<PostgresStore>) -> Result<Vec<(usize, [u64; TIMES])>, BoxError>,
) -> Result<[Vec<f64>; TIMES], BoxError> {
    let database = Database::new(server)?;
    let (runtime, runs) = (Runtime::new()?, Runs::new(sends));
    let store = runtime.block_on(database.store())?;
    let worker = RunningWorker::start(&runtime, Worker::new(store.clone()).data(runs.clone()));
    thread::sleep(SETTLED);
    let sent = send(&runtime, &database, store)?;
    until_ran(&runs, sends, || Ok(()))?;
    worker.stop(&runtime)?;
    Ok(std::array::from_fn(|which| {
        let milliseconds = |(number, times): &(usize, [u64; TIMES])| {
            runs.time(*number).map(|ran| (ran as f64 - times[which] as f64) / 1e6)
        };
        sent.iter().filter_map(milliseconds).collect()
    }))
}

/// Of the worker's process, and of its sessions in the server.
fn cpu_while_idle(server: &Server, idle: Duration) -> Result<[f64; 2], BoxError> {
    let database = Database::new(server)?;
    let worker = start(database.url(), false)?;
    thread::sleep(SETTLED);
    let sessions = database.sessions()?;
    let used = || Ok::<_, BoxError>([cpu_nanos(&[worker.id()])?, cpu_nanos(&sessions)?]);
    let (before, time) = (used()?, nanos());
    thread::sleep(idle);
    let (after, took) = (used()?, nanos() - time);
    worker.stop()?;
    Ok([0, 1].map(|which| (after[which] - before[which]) as f64 / took as f64 * 100.0))
}

/// From so short that the worker still looks for more to so long that it has said that it waits.
fn pause() -> Duration {
    Duration::from_micros(fastrand::u64(10_000..100_000))
}

/// The other process: sends in transactions of its own.
pub(crate) fn send(url: &str, sends: usize) -> Result<(), BoxError> {
    let sent = Builder::new_current_thread().enable_all().build()?.block_on(async {
        let store = Arc::new(PostgresStore::connect(url).await?);
        let sender = Preparing::new(connect(url).await?);
        with_store(store, async {
            let mut sent = Vec::with_capacity(sends);
            for number in 1..=sends {
                tokio::time::sleep(pause()).await;
                sender.client.batch_execute("BEGIN").await?;
                PING.send_in(&sender, "bench", &Ping { number }).await?;
                sender.client.batch_execute("COMMIT").await?;
                sent.push((number, nanos()));
            }
            Ok::<_, BoxError>(sent)
        })
        .await
    })?;
    for (number, time) in sent {
        println!("{number} {time}");
    }
    Ok(())
}
