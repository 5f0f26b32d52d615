//! Opening a database: the library, the file, the settings, the tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, TransactionBehavior};

use super::SqliteOptions;
use crate::StoreError;
use crate::schema_version::{READ, SchemaVersion};

/// The first SQLite without the WAL-reset bug, by which two connections that write and checkpoint at one instant
/// can lose committed data.
const LEAST_SQLITE: (i32, &str) = (3_051_003, "3.51.3");

const SCHEMA_V1: &str = include_str!("../../schema/sqlite/v1.sql");

pub(super) fn check_library(number: i32, version: &str) -> Result<(), StoreError> {
    if number < LEAST_SQLITE.0 { Err(StoreError::old_library(version, LEAST_SQLITE.1)) } else { Ok(()) }
}

/// The connection that writes, to a database that has the tables; and the database's absolute path, which stays
/// right when the process changes its directory.
pub(super) fn open(options: &SqliteOptions) -> Result<(PathBuf, Connection), StoreError> {
    let path = options.path.as_path();
    if path.as_os_str().is_empty() || path.to_string_lossy().contains(":memory:") {
        return Err(StoreError::in_memory());
    }
    if path.to_string_lossy().starts_with("sqlite:") {
        return Err(StoreError::not_a_path(&path.to_string_lossy()));
    }
    if path.is_dir() {
        return Err(StoreError::directory(path));
    }
    if fs::metadata(path).is_ok_and(|file| file.permissions().readonly()) {
        return Err(StoreError::read_only(path));
    }
    let failed = |error| StoreError::sqlite(path, error);
    if !options.creates_tables && !path.exists() {
        return Err(StoreError::not_made(path));
    }
    let mut connection = connect(path, options)?;
    // Before anything is set or written: a file that is not ours is left as it is.
    match found_version(&connection).map_err(failed)? {
        Some(found) => found.check(path.display())?,
        None if !options.creates_tables => return Err(StoreError::not_made(path)),
        None => {}
    }
    if connection.is_readonly("main").map_err(failed)? {
        return Err(StoreError::read_only(path));
    }
    switch_to_wal(&connection, options.busy_timeout).map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    // What a checkpoint leaves of the WAL on disk after a burst.
    connection.pragma_update(None, "journal_size_limit", 64 << 20).map_err(failed)?;
    if let Some(pages) = options.max_pages {
        connection.pragma_update(None, "max_page_count", pages).map_err(failed)?;
    }
    create_tables(path, &mut connection)?;
    let absolute = fs::canonicalize(path).map_err(|error| StoreError::other(format!("{}: {error}", path.display())))?;
    Ok((absolute, connection))
}

/// One more connection to the database.
pub(super) fn connect(path: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| StoreError::sqlite(path, error))?;
    connection.busy_timeout(options.busy_timeout).map_err(|error| StoreError::sqlite(path, error))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn found_version(connection: &Connection) -> rusqlite::Result<Option<SchemaVersion>> {
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'signalpost_schema'";
    if connection.query_row(tables, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let version = |row: &Row<'_>| Ok(SchemaVersion { version: row.get(0)?, works_with: row.get(1)? });
    connection.query_row(READ, [], version).optional()
}

/// SQLite does not wait for others when it changes the journal's mode, whatever the busy timeout.
fn switch_to_wal(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let until = Instant::now() + patience;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            outcome => return outcome.map(drop),
        }
    }
}

fn create_tables(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let failed = |error| StoreError::sqlite(path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have been first while this one waited for the lock.
    match found_version(&transaction).map_err(failed)? {
        Some(found) => found.check(path.display())?,
        None => transaction.execute_batch(SCHEMA_V1).map_err(failed)?,
    }
    transaction.commit().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_that_writes_flushes_at_every_commit() {
        let directory = tempfile::tempdir().unwrap();
        let (_, connection) = open(&SqliteOptions::new(directory.path().join("app.db"))).unwrap();
        let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        // FULL, by its number.
        assert_eq!(synchronous, 2);
    }

    #[test]
    fn where_tables_are_not_to_be_created_none_are() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.db");
        let options = || SqliteOptions::new(&path).create_tables(false);
        assert!(open(&options()).unwrap_err().is_without_tables());
        assert!(!path.exists());
        drop(open(&SqliteOptions::new(&path)).unwrap());
        open(&options()).unwrap();
    }

    #[test]
    fn an_older_sqlite_is_refused_by_name() {
        assert!(check_library(rusqlite::version_number(), rusqlite::version()).is_ok());
        let error = check_library(3_051_002, "3.51.2").unwrap_err();
        assert!(error.is_old_library());
        assert!(error.to_string().contains("3.51.3") && error.to_string().contains("3.51.2"), "{error}");
    }
}
