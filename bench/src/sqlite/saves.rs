//! Models that are saved over many connections at once.

use std::time::Duration;

use sea_orm::SqlxSqliteConnector;
use signalpost::BoxError;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::runtime::Runtime;

use super::database::{Database, SCHEMA};
use crate::measure::Measure;
use crate::saves::{CONNECTIONS, Site};

pub(crate) fn run(quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (database, runtime) = (Database::new()?, Runtime::new()?);
    let site = runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(database.path())
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Sixteen writers in turn: nobody is to give up.
            .busy_timeout(Duration::from_secs(60));
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).min_connections(CONNECTIONS);
        let pool = pool.connect_with(options).await?;
        sqlx::raw_sql(AssertSqlSafe(SCHEMA.replace("signalpost_", "bare_"))).execute(&pool).await?;
        let orm = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
        Ok::<_, BoxError>(Site { store: database.store()?, database: orm })
    })?;
    Ok(vec![Site::measure(&runtime, site, quick)?])
}
