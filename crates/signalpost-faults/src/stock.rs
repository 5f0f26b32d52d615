//! What a database holds, on either kind.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use signalpost::{BoxError, SqliteStore};
use signalpost_postgres_server::ServerOptions;
use tempfile::TempDir;

use crate::crew::{Crew, CrewOptions};
use crate::fleet::Fleet;

/// At one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stock {
    /// Tasks that have ended since the beginning.
    pub(crate) ended: u64,
    /// Tasks that have not.
    pub(crate) live: u64,
    /// Rows of the history, and those of them that are no successes.
    pub(crate) history: u64,
    pub(crate) failed: u64,
    /// Bytes of the table of tasks, of its indexes, of the history and of its indexes.
    pub(crate) bytes: [u64; 4],
}

impl From<[i64; 8]> for Stock {
    /// The newest number, then in the order of the fields.
    fn from(numbers: [i64; 8]) -> Self {
        let [newest, live, history, failed, bytes @ ..] = numbers.map(i64::unsigned_abs);
        Self { ended: newest.saturating_sub(live), live, history, failed, bytes }
    }
}

/// A database and its crew.
pub(crate) enum Depot {
    Sqlite { crew: Crew, connection: Connection, _directory: TempDir },
    Postgres(Fleet),
}

impl Depot {
    /// A file of its own.
    pub(crate) fn on_sqlite(program: &Path, crew: CrewOptions) -> Result<Self, BoxError> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("store.db");
        drop(SqliteStore::open(&file)?);
        let connection = Connection::open(&file)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        let crew = Crew::new(program, file.display().to_string(), crew)?;
        Ok(Self::Sqlite { crew, connection, _directory: directory })
    }

    /// In a server of its own.
    pub(crate) fn on_postgres(program: &Path, crew: CrewOptions) -> Result<Self, BoxError> {
        Ok(Self::Postgres(Fleet::new(program, crew, &ServerOptions::new())?))
    }

    pub(crate) fn crew(&self) -> &Crew {
        match self {
            Depot::Sqlite { crew, .. } => crew,
            Depot::Postgres(fleet) => fleet,
        }
    }

    /// Looks at it.
    pub(crate) fn stock(&self) -> Result<Stock, BoxError> {
        match self {
            Depot::Sqlite { connection, .. } => on_sqlite(connection),
            Depot::Postgres(fleet) => on_postgres(fleet),
        }
    }
}

fn on_sqlite(connection: &Connection) -> Result<Stock, BoxError> {
    const STOCK: &str = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'signalpost_task'), 0), \
         (SELECT count(*) FROM signalpost_task), (SELECT count(*) FROM signalpost_history), \
         (SELECT count(*) FROM signalpost_history WHERE state <> 'succeeded'), \
         coalesce(sum(pgsize) FILTER (WHERE name = 'signalpost_task'), 0), \
         coalesce(sum(pgsize) FILTER (WHERE name LIKE 'signalpost_task_%'), 0), \
         coalesce(sum(pgsize) FILTER (WHERE name = 'signalpost_history'), 0), \
         coalesce(sum(pgsize) FILTER (WHERE name LIKE 'signalpost_history_%'), 0) FROM dbstat";
    let mut statement = connection.prepare_cached(STOCK)?;
    let numbers = statement.query_row([], |row| {
        let mut numbers = [0; 8];
        for (place, number) in numbers.iter_mut().enumerate() {
            *number = row.get(place)?;
        }
        Ok(numbers)
    })?;
    Ok(Stock::from(numbers))
}

fn on_postgres(fleet: &Fleet) -> Result<Stock, BoxError> {
    const STOCK: &str = "SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM signalpost_task_id_seq), \
         (SELECT count(*) FROM signalpost_task), (SELECT count(*) FROM signalpost_history), \
         (SELECT count(*) FROM signalpost_history WHERE state <> 'succeeded'), \
         pg_relation_size('signalpost_task'), pg_indexes_size('signalpost_task'), \
         pg_relation_size('signalpost_history'), pg_indexes_size('signalpost_history')";
    type Row = (i64, i64, i64, i64, i64, i64, i64, i64);
    let row: Row = fleet.ask(async |connection| sqlx::query_as(STOCK).fetch_one(connection).await)?;
    Ok(Stock::from(<[i64; 8]>::from(row)))
}
