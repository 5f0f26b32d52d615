//! Sending on a connection of the caller's.

#[cfg(feature = "sea-orm")]
pub(crate) mod sea_orm;
#[cfg(feature = "sqlx")]
mod sqlx;

use std::future::Future;

use signalpost_dispatch::BoxError;
use signalpost_store::StoreError;

use crate::ClientTransaction;

/// A connection that tasks can be written on, in whatever transaction it is in.
///
/// Any client of the store's database can be one. Here is rusqlite:
///
/// ```
/// use signalpost::{BoxError, Outbox};
///
/// struct Rusqlite<'a>(&'a mut rusqlite::Connection);
///
/// impl Outbox for Rusqlite<'_> {
///     async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
///         Ok(self.0.execute(sql, [json])? as u64)
///     }
/// }
/// # fn main() {}
/// ```
pub trait Outbox {
    /// Executes `sql` with `json`, a text, as its only parameter, and says how many rows were written.
    ///
    /// # Errors
    ///
    /// What the client says, unchanged.
    fn execute(&mut self, sql: &str, json: &str) -> impl Future<Output = Result<u64, BoxError>> + Send;
}

/// A connection that did not get the write lock.
#[derive(Debug, thiserror::Error)]
#[error("{0}\n  hint: {1}")]
struct Locked(#[source] BoxError, &'static str);

/// SQLite's code for a transaction that has read, and wants to write after somebody else has.
const BUSY_SNAPSHOT: &str = "517";

/// What a client says, in our words where we have better ones.
pub(crate) fn explained(error: BoxError) -> BoxError {
    let text = error.to_string();
    if text.contains("no such table: signalpost_") {
        return StoreError::without_tables("the database of this connection").into();
    }
    if text.contains("database is locked") {
        let hint = if text.contains(BUSY_SNAPSHOT) {
            "a transaction that reads before it sends must begin with signalpost::begin_immediate"
        } else {
            "somebody else has kept the write lock for longer than this connection waits: look for a transaction that is \
             kept open, or for a write beside the transaction that this very code holds"
        };
        return Locked(error, hint).into();
    }
    error
}

/// A database whose transactions can begin with the write lock: see [`begin_immediate`]. Not for implementing outside
/// this crate.
pub trait BeginImmediate {
    /// The transaction.
    type Transaction: ClientTransaction<Error = Self::Error>;
    /// The client's error.
    type Error;

    /// Begins it.
    #[doc(hidden)]
    fn begin_immediate(&self) -> impl Future<Output = Result<Self::Transaction, Self::Error>> + Send;
}

/// Begins a transaction in which a send will follow.
///
/// On SQLite a plain `BEGIN` is deferred: a transaction that reads first and then writes fails at once when somebody
/// else has written in between, whatever its busy timeout. This takes the write lock at the beginning, and waits for it.
/// On other databases it is a plain `BEGIN`.
///
/// # Errors
///
/// What the client says; a lock that is not given within the connection's busy timeout, for one.
pub async fn begin_immediate<D: BeginImmediate>(database: &D) -> Result<D::Transaction, D::Error> {
    database.begin_immediate().await
}
