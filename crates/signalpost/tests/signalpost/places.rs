//! Where the stores of the tests are.

use signalpost::{Clock, SqliteOptions, Store};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A database of one test's own.
pub(crate) trait Place: Send + Sync + 'static {
    /// With nothing in it.
    fn new() -> Self;

    /// What clients connect to.
    fn url(&self) -> String;

    /// A store in it, with a clock of the test's or its own.
    fn open(&self, clock: Option<Arc<dyn Clock>>) -> impl Future<Output = Arc<dyn Store>>;

    /// Runs SQL on a connection of its own.
    fn run(&self, sql: &str);

    /// The numbers that a query finds, on a connection of its own.
    fn numbers(&self, sql: &str) -> Vec<i64>;
}

/// A SQLite file.
pub(crate) struct File {
    _directory: TempDir,
    pub(crate) path: PathBuf,
}

impl File {
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(&self.path).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }
}

impl Place for File {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { path: directory.path().join("app.db"), _directory: directory }
    }

    fn url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.path.display())
    }

    async fn open(&self, clock: Option<Arc<dyn Clock>>) -> Arc<dyn Store> {
        let options = SqliteOptions::new(&self.path);
        Arc::new(clock.into_iter().fold(options, SqliteOptions::clock).open().unwrap())
    }

    fn run(&self, sql: &str) {
        self.raw().execute_batch(sql).unwrap();
    }

    fn numbers(&self, sql: &str) -> Vec<i64> {
        let connection = self.raw();
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

#[cfg(feature = "postgres")]
impl Place for signalpost_postgres_server::TestDatabase {
    fn new() -> Self {
        Self::new()
    }

    fn url(&self) -> String {
        Self::url(self).to_owned()
    }

    async fn open(&self, clock: Option<Arc<dyn Clock>>) -> Arc<dyn Store> {
        use signalpost::PostgresOptions;
        let options = PostgresOptions::new(Self::url(self)).unwrap();
        Arc::new(clock.into_iter().fold(options, PostgresOptions::clock).open().await.unwrap())
    }

    fn run(&self, sql: &str) {
        self.run_sql(sql).unwrap();
    }

    fn numbers(&self, sql: &str) -> Vec<i64> {
        self.run_sql(sql).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    }
}
