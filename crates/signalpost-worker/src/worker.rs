//! The worker: registers, works, stops.

use std::future::Future;
use std::sync::Arc;

use signalpost_store::{Store, StoreError};
use tokio::sync::mpsc;

use crate::driver::Driver;
use crate::keeper::{self, Keeper, SharedLease};
use crate::run::AbortOnDrop;
use crate::{Executor, Stopper, WorkerOptions};

/// Why a worker could not start, or could not end cleanly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The settings make no sense; the text says which, and what would.
    #[error("{0}")]
    Options(String),
    /// The store refused the worker.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A process's part in running tasks: claims them from a store and has an [`Executor`] run them, until it is stopped.
///
/// Several workers may share a process. See the [crate's documentation](crate) for an example.
pub struct Worker {
    store: Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    options: WorkerOptions,
    stopper: Stopper,
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
        Ok(Self { store, executor, options, stopper: Stopper::new() })
    }

    /// What stops this worker.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
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

    /// Works until it is stopped by its [`Stopper`], or by SIGTERM or SIGINT: cleanly at the first, at once at the
    /// second.
    ///
    /// # Errors
    ///
    /// As [`Worker::run`].
    pub async fn run_until_signalled(self) -> Result<(), WorkerError> {
        let stopper = self.stopper();
        let signals = tokio::spawn(async move {
            if let Err(error) = stopper.stop_on_signals().await {
                tracing::warn!(target: "signalpost::worker", %error, "SIGTERM and SIGINT are not listened to");
            }
        });
        let ended = self.run().await;
        signals.abort();
        ended
    }

    /// Works until it is stopped by its [`Stopper`].
    ///
    /// # Errors
    ///
    /// When the store refuses to register the worker. Later failures of the store are logged and waited out.
    ///
    /// # Cancellation
    ///
    /// Dropping the future is as good as a death: the worker's tasks are taken up when its lease has expired.
    pub async fn run(self) -> Result<(), WorkerError> {
        let Self { store, executor, options, stopper } = self;
        let lease = SharedLease::new(keeper::register(&*store, &options).await?);
        let (sender, happenings) = mpsc::unbounded_channel();
        let keeper = Keeper {
            store: store.clone(),
            executor: executor.clone(),
            options: options.clone(),
            lease: lease.clone(),
            happenings: sender.clone(),
        };
        let keeper = AbortOnDrop(tokio::spawn(keeper.keep()).abort_handle());
        let driver =
            Driver::new(store.clone(), executor, options, lease.clone(), (sender, happenings), stopper.watch());
        let clean = driver.drive().await;
        // Before the lease is given up: a renewal after that would find it gone and take another.
        drop(keeper);
        let worker = lease.get().worker;
        if clean {
            store.retire(&worker).await?;
            tracing::info!(target: "signalpost::worker", %worker, "stopped");
        } else {
            tracing::warn!(
                target: "signalpost::worker", %worker,
                "stopped, but blocking receivers still run: their tasks are taken up when this process has ended, \
                 or the lease"
            );
        }
        Ok(())
    }
}
