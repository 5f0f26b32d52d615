//! The application's tables, in the same file as the tasks.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::SqliteSynchronous;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use signalpost::BoxError;

const TABLES: &str = include_str!("tables.sql");

pub async fn open(path: &Path) -> Result<DatabaseConnection, BoxError> {
    let mut options = ConnectOptions::new(format!("sqlite://{}", path.display()));
    options.max_connections(8).sqlx_logging(false).map_sqlx_sqlite_opts(|sqlite| {
        // Durable as the store's own writes are: an article that was announced must not vanish in a power cut.
        sqlite.busy_timeout(Duration::from_secs(5)).synchronous(SqliteSynchronous::Full)
    });
    let database = Database::connect(options).await?;
    database.execute_unprepared(TABLES).await?;
    Ok(database)
}
