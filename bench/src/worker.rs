//! A worker that works until everything has run.

use std::thread;
use std::time::{Duration, Instant};

use signalpost::{BoxError, Worker, WorkerError};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::ping::Runs;

/// Longer than anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// How often to look at a worker that drains. More often would disturb it.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A worker on the threads of a runtime.
pub(crate) struct RunningWorker {
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), WorkerError>>,
}

impl RunningWorker {
    pub(crate) fn start(runtime: &Runtime, worker: Worker) -> Self {
        let (stop, stopped) = oneshot::channel();
        let until = async move { drop(stopped.await) };
        Self { stop, running: runtime.spawn(worker.run_until(until)) }
    }

    pub(crate) fn stop(self, runtime: &Runtime) -> Result<(), BoxError> {
        let _ = self.stop.send(());
        Ok(runtime.block_on(self.running)??)
    }
}

/// How long a worker takes from its start until all `count` tasks have ended.
pub(crate) fn drain(
    worker: Worker,
    runs: &Runs,
    count: usize,
    look: impl FnMut() -> Result<(), BoxError>,
    mut is_any_live: impl FnMut() -> Result<bool, BoxError>,
) -> Result<Duration, BoxError> {
    let runtime = Runtime::new()?;
    let began = Instant::now();
    let worker = RunningWorker::start(&runtime, worker);
    until_ran(runs, count, look)?;
    while is_any_live()? {
        thread::sleep(Duration::from_micros(200));
    }
    let took = began.elapsed();
    worker.stop(&runtime)?;
    Ok(took)
}

/// Waits until so many have run, and looks now and then.
pub(crate) fn until_ran(
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
