//! A worker of a PostgreSQL database: in this process, and in one of its own.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use signalpost::{BoxError, Queue, Worker};
use signalpost_store::PostgresOptions;
use tokio::runtime::Runtime;

use super::database::Database;
use crate::ping::Runs;
use crate::process::{OtherProcess, say, until_told_to_end};
use crate::worker::{self, RunningWorker};

/// The other process: see [`crate::process::Process::PostgresWorker`].
pub(crate) fn work(url: &str, polling: bool) -> Result<(), BoxError> {
    let runtime = Runtime::new()?;
    let store = runtime.block_on(PostgresOptions::new(url)?.notify(!polling).open())?;
    let worker = RunningWorker::start(&runtime, Worker::new(Arc::new(store)).data(Runs::new(0)));
    say("began")?;
    until_told_to_end()?;
    worker.stop(&runtime)
}

/// Starts one, and waits until it begins to work.
pub(super) fn start(url: &str, polling: bool) -> Result<OtherProcess, BoxError> {
    let mut arguments = vec!["postgres-worker", url];
    arguments.extend(polling.then_some("--polling"));
    OtherProcess::start(arguments)
}

/// No worker holds more, and it takes them in their order: all but these have ended when all have run.
const IN_HAND_AT_MOST: usize = 2_000;

/// How long a worker with default settings takes until all tasks, which are numbered up to `tasks`, have ended.
pub(super) fn drain(
    runtime: &Runtime,
    database: &Database<'_>,
    runs: &Arc<Runs>,
    tasks: usize,
    keeps_history: bool,
) -> Result<Duration, BoxError> {
    let store = runtime.block_on(database.store())?;
    let queue = Queue::new("default");
    let queue = if keeps_history { queue } else { queue.without_successes() };
    let worker = Worker::new(store).data(runs.clone()).queues([queue]);
    let (observer, any_live) = runtime.block_on(async {
        let observer = database.connect().await?;
        // One transaction for all looks: it counts as no commit. It keeps no snapshot between them.
        observer.batch_execute("BEGIN").await?;
        let any_live = observer.prepare("SELECT EXISTS (SELECT FROM signalpost_task WHERE id > $1)").await?;
        Ok::<_, BoxError>((observer, any_live))
    })?;
    let last = i64::try_from(tasks.saturating_sub(IN_HAND_AT_MOST))?;
    let is_any_live = || Ok(runtime.block_on(observer.query_one(&any_live, &[&last]))?.get(0));
    worker::drain(worker, runs, tasks, || Ok(()), is_any_live)
}

/// Nanoseconds of processor time that all threads of these processes have used.
pub(super) fn cpu_nanos(processes: &[u32]) -> Result<u64, BoxError> {
    let mut nanos = 0;
    for process in processes {
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let statistics = fs::read_to_string(thread?.path().join("schedstat"))?;
            nanos += statistics.split_whitespace().next().unwrap_or_default().parse::<u64>()?;
        }
    }
    Ok(nanos)
}
