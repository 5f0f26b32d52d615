//! A worker with default settings that works until everything has run.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use signalpost::{BoxError, SqliteStore, Worker, WorkerError};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::ping::Runs;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often to look at a worker that drains. More often would disturb it.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A worker on the threads of a runtime.
pub(super) struct RunningWorker {
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), WorkerError>>,
}

impl RunningWorker {
    pub(super) fn start(runtime: &Runtime, store: Arc<SqliteStore>, runs: Arc<Runs>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let until = async move { drop(stopped.await) };
        Self { stop, running: runtime.spawn(Worker::new(store).data(runs).run_until(until)) }
    }

    pub(super) fn stop(self, runtime: &Runtime) -> Result<(), BoxError> {
        let _ = self.stop.send(());
        Ok(runtime.block_on(self.running)??)
    }
}

/// How long a worker takes from its start until all `count` tasks are in the history.
pub(super) fn drain(
    store: Arc<SqliteStore>,
    observer: &Connection,
    runs: &Arc<Runs>,
    count: usize,
    mut look: impl FnMut() -> Result<(), BoxError>,
) -> Result<Duration, BoxError> {
    let runtime = Runtime::new()?;
    let began = Instant::now();
    let worker = RunningWorker::start(&runtime, store, runs.clone());
    until_ran(runs, count, &mut look)?;
    let mut is_live = observer.prepare("SELECT 1 FROM signalpost_task LIMIT 1")?;
    while is_live.exists([])? {
        thread::sleep(Duration::from_micros(200));
    }
    let took = began.elapsed();
    worker.stop(&runtime)?;
    Ok(took)
}

/// Waits until so many have run, and looks now and then.
pub(super) fn until_ran(
    runs: &Runs,
    count: usize,
    mut look: impl FnMut() -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let began = Instant::now();
    while runs.count() < count {
        if began.elapsed() > PATIENCE {
            return Err(format!("{} of {count} tasks have run after {PATIENCE:?}", runs.count()).into());
        }
        look()?;
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}
