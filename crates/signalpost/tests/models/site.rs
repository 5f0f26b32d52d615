//! A test's own database: the store, SeaORM's pool, and what is told in it.

use crate::news::{article, badge, draft, note, parcel, seat};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, EntityTrait, PaginatorTrait, Schema};
use signalpost::{SqliteStore, Store, TaskFilter, TaskRecord, Worker, with_store};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Nothing that is waited for here takes so long.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(60);

/// Lines, in the order in which they were written.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

tokio::task_local! {
    /// What inline receivers tell of the sends of one test.
    pub(crate) static TOLD: Log;
}

/// Where a store can be.
pub(crate) trait Place: Sized {
    /// Empties the tables of articles and notes, and begins to count again.
    const CLEAR: &str;

    async fn new() -> (Self, Arc<dyn Store>, DatabaseConnection);
}

pub(crate) struct Sqlite(#[expect(dead_code, reason = "it goes when this goes")] TempDir);

impl Place for Sqlite {
    const CLEAR: &str =
        "DELETE FROM article; DELETE FROM note; DELETE FROM sqlite_sequence WHERE name IN ('article', 'note')";

    async fn new() -> (Self, Arc<dyn Store>, DatabaseConnection) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("news.db");
        let store = Arc::new(SqliteStore::open(&path).unwrap());
        let database = Database::connect(format!("sqlite://{}", path.display())).await.unwrap();
        (Self(directory), store, database)
    }
}

#[cfg(feature = "postgres")]
pub(crate) struct Postgres(
    #[expect(dead_code, reason = "it goes when this goes")] signalpost_postgres_server::TestDatabase,
);

#[cfg(feature = "postgres")]
impl Place for Postgres {
    const CLEAR: &str = "TRUNCATE article, note RESTART IDENTITY";

    async fn new() -> (Self, Arc<dyn Store>, DatabaseConnection) {
        let place = signalpost_postgres_server::TestDatabase::new();
        let store = Arc::new(signalpost_store::PostgresOptions::new(place.url()).unwrap().open().await.unwrap());
        let database = Database::connect(place.url()).await.unwrap();
        (Self(place), store, database)
    }
}

pub(crate) struct Site<P> {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) database: DatabaseConnection,
    told: Log,
    _place: P,
}

impl<P: Place> Site<P> {
    pub(crate) async fn new() -> Self {
        let (place, store, database) = P::new().await;
        let site = Self { store, database, told: Log::default(), _place: place };
        site.create(article::Entity).await;
        site.create(badge::Entity).await;
        site.create(draft::Entity).await;
        site.create(note::Entity).await;
        site.create(parcel::Entity).await;
        site.create(seat::Entity).await;
        site
    }

    async fn create(&self, entity: impl EntityTrait) {
        let schema = Schema::new(self.database.get_database_backend());
        self.database.execute(&schema.create_table_from_entity(entity)).await.unwrap();
    }

    /// Runs `future`; what it sends goes to this store, and is told here.
    pub(crate) async fn within<F: Future>(&self, future: F) -> F::Output {
        with_store(self.store.clone(), TOLD.scope(self.told.clone(), future)).await
    }

    /// What inline receivers have told since this was asked last.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.take()
    }

    /// Runs what waits, and returns what the background receivers tell.
    pub(crate) async fn drain(&self) -> Vec<String> {
        let log = Log::default();
        let worker = self.worker().data(log.clone()).data(self.database.clone());
        tokio::time::timeout(TOO_LONG, worker.run_until_idle()).await.expect("there are live tasks still").unwrap();
        log.take()
    }

    /// One after the other, so that they have an order.
    pub(crate) fn worker(&self) -> Worker {
        Worker::new(self.store.clone()).concurrency(1)
    }

    pub(crate) async fn tasks(&self) -> Vec<TaskRecord> {
        let mut tasks = self.store.tasks(&TaskFilter { limit: 1000, ..TaskFilter::default() }).await.unwrap();
        tasks.sort_by_key(|task| task.id);
        tasks
    }

    pub(crate) async fn clear(&self) {
        self.database.execute_unprepared(P::CLEAR).await.unwrap();
    }

    pub(crate) async fn count<E: EntityTrait<Model: Sync>>(&self) -> u64 {
        E::find().count(&self.database).await.unwrap()
    }
}
