//! The store of one test.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use signalpost_store::{Clock, ManualClock, SqliteOptions, Store, SystemClock};
use tempfile::TempDir;

use crate::data::DataMap;
use crate::middleware::Layers;
use crate::{Middleware, with_store, with_store_blocking};

/// A store of one test's own: a SQLite file in a temporary directory, which goes with this value, and a clock that
/// stands still.
///
/// The [module's documentation](crate::testing) has an example. Its methods are in four groups: what is sent goes here
/// inside [`scope`](TestStore::scope); what was sent is looked at with [`capture`](TestStore::capture) and
/// [`enqueued`](TestStore::enqueued); [`run_due`](TestStore::run_due) and [`run_all`](TestStore::run_all) run tasks in the
/// place of a worker; [`advance`](TestStore::advance) moves the clock.
pub struct TestStore {
    // In this order: the file is closed before its directory goes.
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) data: DataMap,
    pub(super) layers: Layers,
    pub(super) max_runs: usize,
    path: PathBuf,
    _directory: TempDir,
}

impl TestStore {
    /// An empty store. Its clock begins at the machine's time.
    ///
    /// # Panics
    ///
    /// When there is no temporary directory to write in.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it makes a file")]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        let path = directory.path().join("test.db");
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let opened = SqliteOptions::new(&path).clock(clock.clone()).open();
        let store = Arc::new(opened.unwrap_or_else(|error| panic!("no store in a temporary directory: {error}")));
        Self {
            store,
            clock,
            data: DataMap::default(),
            layers: Layers::default(),
            max_runs: 1_000,
            path,
            _directory: directory,
        }
    }

    /// Gives receivers that run here a value, which they take as [`Data<T>`](crate::Data); as
    /// [`Worker::data`](crate::Worker::data).
    #[must_use]
    pub fn data<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.data.insert(value);
        self
    }

    /// Runs a middleware around every run here; as [`Worker::wrap`](crate::Worker::wrap).
    #[must_use]
    pub fn wrap(mut self, middleware: impl Middleware) -> Self {
        self.layers.push(middleware);
        self
    }

    /// How many tasks one call of [`run_due`](TestStore::run_due) or [`run_all`](TestStore::run_all) runs before it
    /// gives up with an error. Default: 1,000.
    #[must_use]
    pub fn max_runs(mut self, runs: usize) -> Self {
        self.max_runs = runs;
        self
    }

    /// The store itself: for a [`Worker`](crate::Worker), for [`with_store`], or to look at tasks.
    ///
    /// A worker that waits here for a task's time looks at the clock once a second.
    pub fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// The database file. It can hold the application's tables too: open a pool on it, and
    /// [`send_in`](crate::Signal::send_in) its transactions.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `future`; what it sends goes to this store, whatever is installed and whatever other tests do.
    ///
    /// What the future spawns is outside. A server that spawns a task for each connection needs the scope around each
    /// request; see the [module's documentation](crate::testing#servers).
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        with_store(self.store(), future)
    }

    /// As [`TestStore::scope`], for synchronous code.
    pub fn scope_blocking<T>(&self, run: impl FnOnce() -> T) -> T {
        with_store_blocking(self.store(), run)
    }

    /// Moves the store's clock forward. Nothing else does but [`run_all`](TestStore::run_all).
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

impl fmt::Debug for TestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestStore").field("path", &self.path).finish_non_exhaustive()
    }
}
