//! From the commit to the receiver, when the worker is idle; and what idling costs.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use signalpost::{BoxError, Worker, with_store};
use signalpost_postgres_server::Server;
use signalpost_store::PostgresStore;
use tokio::runtime::{Builder, Runtime};

use super::database::{Database, connect};
use super::listener::Listener;
use super::outbox::Preparing;
use super::raw;
use super::worker::{cpu_nanos, start};
use crate::measure::{Measure, median, percentile};
use crate::ping::{PING, Ping, Runs, nanos};
use crate::process::send_elsewhere;
use crate::worker::{RunningWorker, until_ran};

/// Long enough for a worker that has started, or has just run something, to be idle.
const SETTLED: Duration = Duration::from_secs(2);

pub(crate) fn run(server: &Server, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (sends, idle) = if quick { (100, Duration::from_secs(3)) } else { (600, Duration::from_secs(10)) };
    let [mut from_call, mut here] = from_here(server, sends)?;
    let [mut elsewhere, mut reference] = from_elsewhere(server, sends)?;
    let [of_worker, of_server] = cpu_while_idle(server, idle)?;
    Ok(vec![
        Measure::alone("from asend's return to the receiver: median", median(&mut here), "ms", "under 1.5"),
        Measure::alone("  p99", percentile(&mut here, 99.0), "ms", "under 15"),
        Measure::alone("  from its call, the commit included: median", median(&mut from_call), "ms", ""),
        Measure::beside(
            "from another process's COMMIT to the receiver | NOTIFY + claim: median",
            median(&mut elsewhere),
            median(&mut reference),
            "ms",
            "under 1.5",
        ),
        Measure::beside("  p99", percentile(&mut elsewhere, 99.0), percentile(&mut reference, 99.0), "ms", "under 15"),
        Measure::alone("CPU of an idle worker's process, of one core", of_worker, "%", "under 2"),
        Measure::alone("  with its sessions in the server", of_worker + of_server, "%", ""),
    ])
}

/// From the call and from the return of a send in the worker's process.
fn from_here(server: &Server, sends: usize) -> Result<[Vec<f64>; 2], BoxError> {
    let idle = Idle::new(server, sends)?;
    let sending = idle.runtime.spawn(with_store(idle.store.clone(), async move {
        let mut sent = Vec::with_capacity(sends);
        for number in 1..=sends {
            tokio::time::sleep(pause()).await;
            let called = nanos();
            PING.asend("bench", &Ping { number }).await?;
            sent.push((number, [called, nanos()]));
        }
        Ok::<_, BoxError>(sent)
    }));
    let sent = idle.runtime.block_on(sending)??;
    until_ran(&idle.runs, sends, || Ok(()))?;
    let times = [0, 1].map(|which| waited(&idle.runs, &sent, which));
    idle.worker.stop(&idle.runtime)?;
    Ok(times)
}

/// From the commit of another process, and the reference's.
fn from_elsewhere(server: &Server, sends: usize) -> Result<[Vec<f64>; 2], BoxError> {
    let idle = Idle::new(server, sends)?;
    let (reference, claimed) = (Database::new(server)?, Runs::new(sends));
    let listener = idle.runtime.block_on(Listener::start(reference.url(), claimed.clone()))?;
    let sent = send_elsewhere(["postgres-sender", idle.database.url(), reference.url(), &sends.to_string()])?;
    until_ran(&idle.runs, sends, || Ok(()))?;
    until_ran(&claimed, sends, || Ok(()))?;
    drop(listener);
    let times = [waited(&idle.runs, &sent, 0), waited(&claimed, &sent, 1)];
    idle.worker.stop(&idle.runtime)?;
    Ok(times)
}

/// Milliseconds from the times that stand at this place to the receiver's run. Less than nothing where it ran first.
fn waited(runs: &Runs, sent: &[(usize, [u64; 2])], place: usize) -> Vec<f64> {
    let milliseconds =
        |(number, times): &(usize, [u64; 2])| runs.time(*number).map(|ran| (ran as f64 - times[place] as f64) / 1e6);
    sent.iter().filter_map(milliseconds).collect()
}

/// A worker of this process with nothing to do.
struct Idle<'a> {
    runtime: Runtime,
    store: Arc<PostgresStore>,
    runs: Arc<Runs>,
    worker: RunningWorker,
    database: Database<'a>,
}

impl<'a> Idle<'a> {
    fn new(server: &'a Server, sends: usize) -> Result<Self, BoxError> {
        let database = Database::new(server)?;
        let (runtime, runs) = (Runtime::new()?, Runs::new(sends));
        let store = runtime.block_on(database.store())?;
        let worker = RunningWorker::start(&runtime, Worker::new(store.clone()).data(runs.clone()));
        thread::sleep(SETTLED);
        Ok(Self { runtime, store, runs, worker, database })
    }
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
    Duration::from_micros(fastrand::u64(5_000..100_000))
}

/// The other process: sends in transactions of its own, in turns with the reference.
pub(crate) fn send(url: &str, reference: &str, sends: usize) -> Result<(), BoxError> {
    let sent = Builder::new_current_thread().enable_all().build()?.block_on(async {
        let store = Arc::new(PostgresStore::connect(url).await?);
        let (sender, client) = (Preparing::new(connect(url).await?), connect(reference).await?);
        let insert = client.prepare(raw::INSERT).await?;
        with_store(store, async {
            let mut sent = Vec::with_capacity(sends);
            for number in 1..=sends {
                tokio::time::sleep(pause()).await;
                sender.client.batch_execute("BEGIN").await?;
                PING.send_in(&sender, "bench", &Ping { number }).await?;
                sender.client.batch_execute("COMMIT").await?;
                let committed = nanos();
                tokio::time::sleep(pause()).await;
                client.batch_execute("BEGIN").await?;
                raw::insert(&client, &insert, number).await?;
                client.batch_execute("NOTIFY bench").await?;
                client.batch_execute("COMMIT").await?;
                sent.push((number, committed, nanos()));
            }
            Ok::<_, BoxError>(sent)
        })
        .await
    })?;
    for (number, committed, reference) in sent {
        println!("{number} {committed} {reference}");
    }
    Ok(())
}
