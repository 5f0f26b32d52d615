//! A worker of a PostgreSQL database in a process of its own.

use std::fs;
use std::sync::Arc;

use signalpost::{BoxError, Worker};
use signalpost_store::PostgresOptions;
use tokio::runtime::Runtime;

use crate::ping::Runs;
use crate::process::{OtherProcess, say, until_told_to_end};
use crate::worker::RunningWorker;

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
