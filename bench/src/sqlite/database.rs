//! A database of its own for each measurement.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};
use signalpost::{BoxError, SqliteStore};
use tempfile::TempDir;

use super::raw;
use crate::disk::disk;
use crate::ping::RECEIVER;

/// The store's own, so that columns and indexes are the same.
pub(super) const SCHEMA: &str = include_str!("../../../crates/signalpost-store/schema/sqlite/v1.sql");

/// A fresh database with the tables; its files go with it.
pub(super) struct Database {
    path: PathBuf,
    _directory: TempDir,
}

impl Database {
    pub(super) fn new() -> Result<Self, BoxError> {
        let directory = tempfile::Builder::new().prefix("signalpost-bench-").tempdir_in(disk()?)?;
        let database = Self { path: directory.path().join("bench.db"), _directory: directory };
        database.connect()?.execute_batch(SCHEMA)?;
        Ok(database)
    }

    /// With this many tasks waiting, numbered from 1 as their rows are.
    pub(super) fn with_tasks(count: usize) -> Result<Self, BoxError> {
        let database = Self::new()?;
        database.fill(count)?;
        Ok(database)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Ours, with default settings.
    pub(super) fn store(&self) -> Result<Arc<SqliteStore>, BoxError> {
        Ok(Arc::new(SqliteStore::open(&self.path)?))
    }

    /// A connection of the reference's, as durable as ours.
    pub(super) fn connect(&self) -> Result<Connection, BoxError> {
        connect(&self.path)
    }

    fn fill(&self, count: usize) -> Result<(), BoxError> {
        let connection = self.connect()?;
        connection.execute(
            "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1) \
             INSERT INTO signalpost_task (send_id, signal, sender, receiver, queue, priority, run_at, payload, \
                 payload_version, headers, depth, created_at) \
             SELECT '01999999-0000-7000-8000-' || printf('%012x', number), 'bench.ping', 'bench', ?2, 'default', 0, \
                 ?3 - ?1 + number, json_object('number', number), 1, '{}', 0, ?3 - ?1 + number FROM numbers",
            params![count as i64, RECEIVER, raw::now()],
        )?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// A connection as durable as the store's.
pub(super) fn connect(path: &Path) -> Result<Connection, BoxError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}
