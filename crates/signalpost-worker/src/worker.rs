//! The worker: registers, works, stops.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use signalpost_store::{Store, StoreError};
use tokio::sync::{Notify, mpsc};

use crate::driver::{Driver, Wires};
use crate::idle::idle;
use crate::keeper::{self, Keeper, SharedLease};
use crate::run::AbortOnDrop;
use crate::stop::{Signals, Stage};
use crate::trouble::Trouble;
use crate::{Executor, Health, Stopper, WorkerOptions};

/// Why a worker could not start, or could not end cleanly.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The settings make no sense; the text says which, and what would.
    #[error("{0}")]
    Options(String),
    /// The store refused the worker.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// As it is displayed: a `main` that returns the error shows this.
impl fmt::Debug for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A process's part in running tasks: claims them from a store and has an [`Executor`] run them, until it is stopped.
///
/// Several workers may share a process. See the [crate's documentation](crate) for an example.
pub struct Worker {
    store: Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    options: WorkerOptions,
    stopper: Stopper,
    health: Health,
    look_again: Arc<Notify>,
    ends_when_drained: bool,
}

impl Worker {
    /// A worker that has not begun.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Options`].
    pub fn new(
        store: Arc<dyn Store>,
        executor: Arc<dyn Executor>,
        options: WorkerOptions,
    ) -> Result<Self, WorkerError> {
        options.check()?;
        Ok(Self {
            store,
            executor,
            options,
            stopper: Stopper::new(),
            health: Health::default(),
            look_again: Arc::default(),
            ends_when_drained: false,
        })
    }

    /// What stops this worker.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Makes the worker look at its executor's [`capacity`](Executor::capacity) again, when that has grown.
    pub fn look_again(&self) -> Arc<Notify> {
        self.look_again.clone()
    }

    /// Tells of itself through `health`, which may have been made before the worker.
    #[must_use]
    pub fn with_health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    /// How this worker is, for probes.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Works until `stop` completes, and then stops cleanly: see [`Stopper::stop`].
    ///
    /// # Errors
    ///
    /// As [`Worker::run`].
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let stopper = self.stopper();
        let running = self.run();
        tokio::pin!(running, stop);
        tokio::select! {
            ended = &mut running => return ended,
            () = &mut stop => stopper.stop(),
        }
        running.await
    }

    /// Works until no task is live in the store, of any queue, and then stops.
    ///
    /// It waits for delayed tasks and for the next attempts of failed ones, and for those of queues that it does not
    /// serve: for ever, if no other worker does.
    ///
    /// # Errors
    ///
    /// As [`Worker::run`].
    pub async fn run_until_idle(self) -> Result<(), WorkerError> {
        let stores = [self.store.clone()];
        self.run_until(async move { idle(&stores).await }).await
    }

    /// Works until nothing is due in its queues and nothing is in its hands, and then stops. Delayed tasks, and failed ones that
    /// wait for their next attempt, are left waiting.
    ///
    /// # Errors
    ///
    /// As [`Worker::run`].
    pub async fn run_until_drained(mut self) -> Result<(), WorkerError> {
        self.ends_when_drained = true;
        self.run().await
    }

    /// Works until it is stopped by its [`Stopper`], or by SIGTERM or SIGINT: cleanly at the first, at once at the
    /// second.
    ///
    /// # Errors
    ///
    /// As [`Worker::run`].
    pub async fn run_until_signalled(self) -> Result<(), WorkerError> {
        let stopper = self.stopper();
        // Before it registers: who sees a worker at work may stop it.
        let listening = match Signals::install() {
            Ok(signals) => Some(tokio::spawn(async move { signals.stop(&stopper).await })),
            Err(error) => {
                tracing::warn!(target: "signalpost::worker", %error, "SIGTERM and SIGINT are not listened to");
                None
            }
        };
        let _listens_with_us = listening.map(|listening| AbortOnDrop(listening.abort_handle()));
        self.run().await
    }

    /// Works until it is stopped by its [`Stopper`].
    ///
    /// # Errors
    ///
    /// When the store refuses to register the worker; a lock that is held by somebody else is waited out. Later failures of
    /// the store are logged and waited out.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is as good as a death: what runs is dropped, and other workers take up the tasks.
    pub async fn run(self) -> Result<(), WorkerError> {
        let Self { store, executor, options, stopper, health, look_again, ends_when_drained } = self;
        let _ends = EndsWithUs(health.clone());
        let mut stop = stopper.watch();
        let lease = loop {
            tokio::select! {
                registered = keeper::register(&*store, &options) => match registered {
                    Ok(lease) => break SharedLease::new(lease),
                    Err(error) if error.is_locked() => {
                        tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), "cannot register yet");
                    }
                    Err(error) => return Err(error.into()),
                },
                _ = stop.wait_for(|stage| *stage > Stage::Running) => return Ok(()),
            }
        };
        let mut dropped = Dropped { store: store.clone(), lease: lease.clone(), is_over: false };
        let (sender, happenings) = mpsc::unbounded_channel();
        let (renew_now, trouble) = (Arc::new(Notify::new()), Trouble::default());
        let keeper = Keeper {
            store: store.clone(),
            executor: executor.clone(),
            options: options.clone(),
            lease: lease.clone(),
            happenings: sender.clone(),
            renew_now: renew_now.clone(),
            trouble: trouble.clone(),
            health: health.clone(),
        };
        let mut keeper = tokio::spawn(keeper.keep());
        let _stops_with_us = AbortOnDrop(keeper.abort_handle());
        let happenings = (sender, happenings);
        let wires = Wires {
            lease: lease.clone(),
            renew_now,
            trouble,
            happenings,
            stop: stopper.watch(),
            health,
            look_again,
            ends_when_drained,
        };
        let driver = Driver::new(store.clone(), executor, options, wires);
        let left = tokio::select! {
            left = driver.drive() => left,
            // It never ends by itself. A worker that nobody renews must not look alive.
            Err(broken) = &mut keeper => match broken.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and this worker with it.
                Err(_) => std::future::pending().await,
            },
        };
        dropped.is_over = true;
        // Before the lease is given up: a renewal after that would find it gone and take another.
        keeper.abort();
        let worker = lease.get().worker;
        match left {
            None => {
                store.retire(&worker).await?;
                tracing::info!(target: "signalpost::worker", %worker, "stopped");
            }
            Some(running) => {
                store.release_all_but(&worker, &running).await?;
                tracing::warn!(
                    target: "signalpost::worker", %worker, running = running.len(),
                    "stopped, but blocking receivers still run: their tasks are taken up when this process has ended, \
                     or the lease"
                );
            }
        }
        Ok(())
    }
}

/// Tells the store when the worker is dropped before it is over.
struct Dropped {
    store: Arc<dyn Store>,
    lease: SharedLease,
    is_over: bool,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        if !self.is_over {
            self.store.abandon(&self.lease.get().worker);
        }
    }
}

/// Says that the worker has ended, however it has.
struct EndsWithUs(Health);

impl Drop for EndsWithUs {
    fn drop(&mut self) {
        self.0.end();
    }
}
