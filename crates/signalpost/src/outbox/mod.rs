//! Sending on a connection of the caller's.

mod explained;
#[cfg(feature = "sea-orm")]
pub(crate) mod sea_orm;
// Without a database sqlx has no connections.
#[cfg(all(feature = "sqlx", any(feature = "sqlite", feature = "postgres")))]
mod sqlx;

use std::future::Future;

use signalpost_dispatch::BoxError;
use signalpost_store::Column;

use crate::ClientTransaction;
pub(crate) use explained::explained;

/// A connection that tasks can be written on, in whatever transaction it is in.
///
/// With the feature `sqlx` it is a `&mut SqliteConnection` or `&mut PgConnection`, a `&mut Transaction`, a
/// `&mut PoolConnection` or a `&Pool`; with `sea-orm` a `&DatabaseTransaction` or a `&DatabaseConnection`.
///
/// Any other client of the store's database can be one. Here is tokio-postgres, with its connection, a transaction of it,
/// or either of a pool:
///
/// ```
/// use signalpost::{BoxError, Outbox};
/// use tokio_postgres::GenericClient;
///
/// struct TokioPostgres<'a, C>(&'a C);
///
/// impl<C: GenericClient + Sync> Outbox for TokioPostgres<'_, C> {
///     async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
///         Ok(self.0.execute(sql, &[&json]).await?)
///     }
/// }
/// # fn main() {}
/// ```
///
/// and it is used as `SIGNAL.send_in(TokioPostgres(&transaction), sender, &payload).await?`. With rusqlite:
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

    /// Executes `sql`, which writes one row, with a parameter for each of `columns`, as [`execute`](Self::execute) does
    /// otherwise; `None` when this client leaves that to it. For clients to which many parameters are cheaper than JSON is
    /// to the database. Not called for databases where that makes no difference.
    ///
    /// # Errors
    ///
    /// What the client says, unchanged.
    fn execute_row(
        &mut self,
        sql: &'static str,
        columns: &[Column<'_>],
    ) -> impl Future<Output = Option<Result<u64, BoxError>>> + Send {
        let _ = (sql, columns);
        async { None }
    }
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
