//! The store of a scenario's processes.

use std::sync::Arc;
use std::time::Duration;

use signalpost::{BoxError, SqliteStore, Store};
use signalpost_store::PostgresOptions;

/// Whether it is the URL of a database on PostgreSQL. Otherwise it is a file.
pub(crate) fn is_url(database: &str) -> bool {
    database.starts_with("postgres://")
}

/// Opens it, with calls that take so long at most.
///
/// # Errors
///
/// When it cannot be opened, but not when the server is only away: whoever starts a process starts it again then.
pub(crate) async fn open(database: &str, call_timeout: Duration) -> Result<Arc<dyn Store>, BoxError> {
    if !is_url(database) {
        return Ok(Arc::new(SqliteStore::open(database)?));
    }
    let options = PostgresOptions::new(database)?.call_timeout(call_timeout);
    loop {
        match options.clone().open().await {
            Ok(store) => return Ok(Arc::new(store)),
            Err(error) if error.is_transient() => eprintln!("{error}; again"),
            Err(error) => return Err(error.into()),
        }
    }
}
