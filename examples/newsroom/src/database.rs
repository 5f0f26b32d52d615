//! The database, which the application and its tasks share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::sqlite::SqliteSynchronous;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use signalpost::{BoxError, PostgresStore, SqliteStore, Store};

/// Where it is.
#[derive(Debug, Clone)]
pub enum Place {
    /// SQLite's file.
    File(PathBuf),
    /// PostgreSQL's URL.
    Url(String),
}

impl Place {
    /// What stands after `--database`, or the file in the directory of everything else.
    pub fn of(argument: Option<String>, data: &Path) -> Self {
        match argument {
            Some(path) if path.starts_with("sqlite://") => Self::File(path["sqlite://".len()..].into()),
            // Whatever else it is the URL of, the store refuses it.
            Some(url) if url.contains("://") => Self::Url(url),
            Some(path) => Self::File(path.into()),
            None => Self::File(data.join("newsroom.db")),
        }
    }

    /// Opens the store, and connects for everything else. The store comes first: it explains best what is wrong with a
    /// URL, and switches a file to WAL.
    pub async fn open(&self) -> Result<(Arc<dyn Store>, DatabaseConnection), BoxError> {
        let (store, mut options, tables): (Arc<dyn Store>, _, _) = match self {
            Self::File(path) => {
                let mut options = ConnectOptions::new(format!("sqlite://{}", path.display()));
                options.map_sqlx_sqlite_opts(|sqlite| {
                    // Durable as the store's own writes are: an article that was announced must not vanish in a power cut.
                    sqlite.busy_timeout(Duration::from_secs(5)).synchronous(SqliteSynchronous::Full)
                });
                (Arc::new(SqliteStore::open(path)?), options, include_str!("tables/sqlite.sql"))
            }
            Self::Url(url) => {
                let store = Arc::new(PostgresStore::connect(url).await?);
                (store, ConnectOptions::new(url), include_str!("tables/postgres.sql"))
            }
        };
        options.max_connections(8).sqlx_logging(false);
        let database = Database::connect(options).await?;
        database.execute_unprepared(tables).await.map_err(|error| {
            format!(
                "the newsroom's own tables cannot be made: {error}\n  hint: the role needs CREATE in the schema; or run \
                 examples/newsroom/src/tables/postgres.sql as one that has it, and grant this one what is in it"
            )
        })?;
        Ok((store, database))
    }
}
