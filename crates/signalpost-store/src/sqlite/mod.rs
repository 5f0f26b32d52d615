//! The store on SQLite: one file, one writer connection on a thread of its own, group commit.

mod alarm;
mod claim;
mod end;
mod failure;
mod history;
mod insert;
mod lease;
mod lock;
mod manners;
mod options;
mod rescue;
mod rows;
mod schema;
mod thread;
mod watcher;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Clock;
use crate::task_json::checked_headers;
use crate::{
    Claim, ClaimRequest, CompletionStatement, Counts, Finish, NewTask, OutboxStatement, PruneRequest,
    PublishedReceiver, Registered, Renewal, RescueRequest, Rescued, Store, StoreError, TaskContent, TaskFilter, TaskId,
    TaskRecord, WorkerId,
};
use lock::{LockDirectory, WorkerLock};
pub use options::SqliteOptions;
use thread::{DatabaseThread, Writes};
use watcher::Watcher;

/// Tasks in a SQLite database: see [`SqliteOptions`] for the settings.
///
/// One thread holds the one connection that writes, with `synchronous=FULL` and `BEGIN IMMEDIATE`; calls that come
/// while it is busy share its next transaction. A second thread reads, and a third one watches for the commits of
/// others while somebody waits for them.
///
/// ```
/// use signalpost_store::{SqliteStore, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), signalpost_store::StoreError> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("app.db");
/// let store = SqliteStore::open(path)?;
/// assert!(store.counts().await?.is_idle());
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    writer: DatabaseThread,
    reader: DatabaseThread,
    watcher: Arc<Watcher>,
    lock_directory: LockDirectory,
    locks: Mutex<HashMap<WorkerId, WorkerLock>>,
}

impl SqliteStore {
    /// Opens the store in `path` with the default options.
    ///
    /// # Errors
    ///
    /// As [`SqliteOptions::open`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        SqliteOptions::new(path).open()
    }

    /// The database file, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn locks(&self) -> MutexGuard<'_, HashMap<WorkerId, WorkerLock>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of a lock whose worker is no more.
    fn let_go(&self, worker: &WorkerId) {
        let lock = self.locks().remove(worker);
        if let Some(lock) = lock {
            lock.remove();
        }
    }

    fn open_with(options: SqliteOptions) -> Result<Self, StoreError> {
        schema::check_library(rusqlite::version_number(), rusqlite::version())?;
        let (path, writer) = schema::open(&options)?;
        let reader = schema::connect(&path, &options)?;
        let watched = schema::connect(&path, &options)?;
        let reader = DatabaseThread::start("signalpost-read", &path, reader, || {})?;
        let watcher = Watcher::start(&path, watched, options.poll_interval)?;
        let in_commit = watcher.clone();
        let writer = DatabaseThread::start("signalpost-write", &path, writer, move || in_commit.bump());
        Ok(Self {
            clock: options.clock,
            writer: writer.inspect_err(|_| watcher.stop())?,
            reader,
            watcher,
            lock_directory: LockDirectory::beside(&path),
            locks: Mutex::default(),
            path,
        })
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn outbox(&self) -> OutboxStatement {
        let now = Some(self.clock.now());
        OutboxStatement {
            insert: insert::INSERT.into(),
            insert_once: insert::INSERT_ONCE.into(),
            insert_row: Some(insert::INSERT_ROW),
            now,
        }
    }

    fn completion(&self) -> CompletionStatement {
        let now = Some(self.clock.now());
        CompletionStatement { insert: end::COMPLETE.into(), delete: end::COMPLETE_DELETE.into(), now }
    }

    async fn insert(&self, tasks: Vec<NewTask>) -> Result<Vec<TaskId>, StoreError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let headers = tasks.iter().map(checked_headers).collect::<Result<Vec<_>, _>>()?;
        let (clock, is_one_statement) = (self.clock.clone(), tasks.len() == 1);
        // The tasks come back with the answer: who made them frees them, and not the one thread that everybody waits for.
        let insert = move |connection: &_| {
            let ids = insert::insert(connection, tasks.iter().zip(&headers), clock.now())?;
            Ok((ids, tasks, headers))
        };
        let (ids, ..) = self.writer.write_as(Writes { wakes: true, is_one_statement }, insert).await?;
        Ok(ids)
    }

    async fn register(&self, lease: Duration) -> Result<Registered, StoreError> {
        let (id, clock) = (WorkerId::random(), self.clock.clone());
        let lock = self.lock_directory.take(&id);
        let (worker, lock_name) = (id.clone(), lock.as_ref().map(|lock| lock.name().to_owned()));
        let death_is_visible = lock.is_some();
        let registered = self
            .writer
            .write(move |connection| lease::register(connection, &worker, lock_name.as_deref(), clock.now(), lease))
            .await;
        if let Some(lock) = lock {
            self.locks().insert(id.clone(), lock);
        }
        if let Err(error) = registered {
            self.let_go(&id);
            return Err(error);
        }
        Ok(Registered { id, death_is_visible })
    }

    async fn renew_if_leased(&self, worker: &WorkerId, lease: Duration) -> Result<Renewal, StoreError> {
        let (worker, clock) = (worker.clone(), self.clock.clone());
        // The time is taken when the write happens: it may have waited for its turn.
        let renewing = worker.clone();
        let renewal =
            self.writer.write(move |connection| lease::renew(connection, &renewing, clock.now(), lease)).await?;
        if renewal == Renewal::Gone {
            self.let_go(&worker);
        }
        Ok(renewal)
    }

    async fn release_all_but(&self, worker: &WorkerId, held: &[(TaskId, i64)]) -> Result<usize, StoreError> {
        let (worker, held) = (worker.clone(), held.to_vec());
        self.writer.write_and_wake(move |connection| lease::release_all_but(connection, &worker, &held)).await
    }

    async fn retire(&self, worker: &WorkerId) -> Result<(), StoreError> {
        let retiring = worker.clone();
        self.writer.write_and_wake(move |connection| lease::retire(connection, &retiring)).await?;
        self.let_go(worker);
        Ok(())
    }

    fn abandon(&self, worker: &WorkerId) {
        // The file stays: it is by the lock on it that the end is seen.
        drop(self.locks().remove(worker));
    }

    async fn claim(&self, worker: &WorkerId, request: &ClaimRequest) -> Result<Claim, StoreError> {
        let (worker, request, now) = (worker.clone(), request.clone(), self.clock.now());
        self.writer.write(move |connection| claim::claim(connection, &worker, &request, now)).await
    }

    async fn finish_if_leased(&self, worker: &WorkerId, finishes: Vec<Finish>) -> Result<Vec<bool>, StoreError> {
        if finishes.is_empty() {
            return Ok(Vec::new());
        }
        let (worker, now) = (worker.clone(), self.clock.now());
        let mut then = Vec::with_capacity(finishes.len());
        for finish in &finishes {
            then.push(finish.then.iter().map(checked_headers).collect::<Result<Vec<_>, _>>()?);
        }
        // Nothing becomes due by an end that nothing follows.
        let wakes = finishes.iter().any(|finish| !finish.outcome.is_end() || !finish.then.is_empty());
        let finish = move |connection: &_| end::finish(connection, &worker, &finishes, &then, now);
        if wakes { self.writer.write_and_wake(finish).await } else { self.writer.write(finish).await }
    }

    async fn rescue(&self, request: &RescueRequest) -> Result<Vec<Rescued>, StoreError> {
        let (asked, now, directory) = (request.clone(), self.clock.now(), self.lock_directory.clone());
        let own: Vec<WorkerId> = self.locks().keys().cloned().collect();
        let fallen =
            self.reader.read(move |connection| rescue::fallen(connection, &directory, &own, &asked, now)).await?;
        if fallen.is_empty() {
            return Ok(Vec::new());
        }
        let (request, clock) = (request.clone(), self.clock.clone());
        let (rescued, locks) = self
            .writer
            .write_and_wake(move |connection| rescue::rescue(connection, fallen, &request, clock.now()))
            .await?;
        // Not before the commit: had that failed, the lock would be what shows the death to the next.
        locks.into_iter().for_each(WorkerLock::remove);
        Ok(rescued)
    }

    async fn cancel_if_waiting(&self, task: TaskId, reason: &str) -> Result<bool, StoreError> {
        let (now, reason) = (self.clock.now(), crate::readable_reason(reason));
        self.writer.write(move |connection| end::cancel(connection, task, &reason, now)).await
    }

    async fn retry_if_dead(&self, task: TaskId) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.writer.write_and_wake(move |connection| history::retry(connection, task, now)).await
    }

    async fn prune(&self, request: &PruneRequest) -> Result<usize, StoreError> {
        let (request, now) = (request.clone(), self.clock.now());
        self.writer.write(move |connection| history::prune(connection, &request, now)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.reader.read(history::counts).await
    }

    async fn task(&self, task: TaskId) -> Result<Option<TaskRecord>, StoreError> {
        self.reader.read(move |connection| rows::find(connection, task)).await
    }

    async fn content(&self, task: TaskId) -> Result<Option<TaskContent>, StoreError> {
        self.reader.read(move |connection| rows::content(connection, task)).await
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskRecord>, StoreError> {
        let filter = filter.clone();
        self.reader.read(move |connection| rows::list(connection, &filter)).await
    }

    async fn publish_receivers(&self, receivers: &[PublishedReceiver]) -> Result<(), StoreError> {
        let (receivers, now) = (receivers.to_vec(), self.clock.now());
        self.writer.write(move |connection| insert::publish(connection, &receivers, now)).await
    }

    async fn published_receivers(&self, within: Duration) -> Result<Vec<PublishedReceiver>, StoreError> {
        let after = self.clock.now().saturating_sub(crate::clock::millis(within));
        self.reader.read(move |connection| insert::published(connection, after)).await
    }

    fn change_count(&self) -> u64 {
        self.watcher.count()
    }

    async fn change_after(&self, seen: u64) {
        self.watcher.change_after(seen).await;
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.watcher.stop();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}
