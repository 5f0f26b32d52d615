//! A worker of a SQLite file in a process of its own.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use signalpost::{BoxError, SqliteStore, Worker};

use super::database::connect;
use crate::ping::Runs;
use crate::process::{OtherProcess, say, until_told_to_end};
use crate::worker;

/// How long a worker with default settings takes until all `count` tasks are in the history.
pub(super) fn drain(
    store: Arc<SqliteStore>,
    observer: &Connection,
    runs: &Arc<Runs>,
    count: usize,
    look: impl FnMut() -> Result<(), BoxError>,
) -> Result<Duration, BoxError> {
    let mut is_live = observer.prepare("SELECT 1 FROM signalpost_task LIMIT 1")?;
    let worker = Worker::new(store).data(runs.clone());
    worker::drain(worker, runs, count, look, || Ok(is_live.exists([])?))
}

/// The other process: see [`crate::process::Process::SqliteWorker`].
pub(crate) fn work(database: &Path, tasks: usize) -> Result<(), BoxError> {
    let store = Arc::new(SqliteStore::open(database)?);
    let observer = connect(database)?;
    say("began")?;
    let took = drain(store, &observer, &Runs::new(tasks), tasks, || Ok(()))?;
    say(&took.as_nanos().to_string())?;
    until_told_to_end()
}

/// Starts one, and waits until it begins to work.
pub(super) fn start(database: &Path, tasks: usize) -> Result<OtherProcess, BoxError> {
    OtherProcess::start([OsStr::new("sqlite-worker"), database.as_os_str(), OsStr::new(&tasks.to_string())])
}

/// Waits until it has worked off its tasks, and says how long it took.
pub(super) fn drained(worker: &mut OtherProcess) -> Result<Duration, BoxError> {
    Ok(Duration::from_nanos(worker.line()?.parse()?))
}
