//! Stopping a worker.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How far a stop has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Running,
    /// No new runs; what runs may end within the grace.
    Stopping,
    /// The grace is over.
    Forced,
}

/// Stops a worker from elsewhere. Clones stop the same one.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<Stage>>);

impl Stopper {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Stage::Running)))
    }

    /// Begins a clean stop: nothing new is started, what was claimed and not started is given back, and what runs
    /// may end within the grace. A second call changes nothing.
    pub fn stop(&self) {
        self.advance(Stage::Stopping);
    }

    /// Ends the grace, if a clean stop is under way or not: what runs is dropped and given back.
    pub fn stop_now(&self) {
        self.advance(Stage::Forced);
    }

    fn advance(&self, to: Stage) {
        self.0.send_if_modified(|stage| {
            let later = to > *stage;
            *stage = to.max(*stage);
            later
        });
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Stage> {
        self.0.subscribe()
    }

    /// Stops cleanly at the first SIGTERM or SIGINT, and at once at the second. Returns after the second; drop or
    /// abort it when the worker has ended.
    ///
    /// # Errors
    ///
    /// When the handlers cannot be installed.
    pub async fn stop_on_signals(&self) -> io::Result<()> {
        Signals::install()?.stop(self).await;
        Ok(())
    }
}

/// SIGTERM and SIGINT, which end the process no more from when this was made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Passes the first one on as a clean stop, and the second one as a forced one.
    pub(crate) async fn stop(mut self, stopper: &Stopper) {
        for stop in [Stopper::stop, Stopper::stop_now] {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            stop(stopper);
        }
    }
}
