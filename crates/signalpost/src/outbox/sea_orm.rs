//! Connections and transactions of SeaORM.

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, Value,
};
use signalpost_dispatch::BoxError;
use signalpost_store::Column;

use super::{BeginImmediate, Outbox};
use crate::ClientTransaction;

/// A savepoint (`begin` on a transaction) is a transaction too: what is sent on it goes when it is rolled back.
impl Outbox for &DatabaseTransaction {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        execute(*self, sql, json).await
    }

    async fn execute_row(&mut self, sql: &'static str, columns: &[Column<'_>]) -> Option<Result<u64, BoxError>> {
        execute_row(*self, sql, columns).await
    }
}

/// One connection of the pool, outside any transaction.
impl Outbox for &DatabaseConnection {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        execute(*self, sql, json).await
    }

    async fn execute_row(&mut self, sql: &'static str, columns: &[Column<'_>]) -> Option<Result<u64, BoxError>> {
        execute_row(*self, sql, columns).await
    }
}

pub(crate) async fn execute(connection: &impl ConnectionTrait, sql: &str, json: &str) -> Result<u64, BoxError> {
    let backend = connection.get_database_backend();
    Ok(connection.execute_raw(Statement::from_sql_and_values(backend, sql, [json.into()])).await?.rows_affected())
}

pub(crate) async fn execute_row(
    connection: &impl ConnectionTrait,
    sql: &'static str,
    columns: &[Column<'_>],
) -> Option<Result<u64, BoxError>> {
    let value = |column: &Column<'_>| match column {
        Column::Null => Value::BigInt(None),
        Column::Integer(number) => (*number).into(),
        Column::Text(text) => (&**text).into(),
    };
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, columns.iter().map(value));
    let written = connection.execute_raw(statement).await;
    Some(written.map(|written| written.rows_affected()).map_err(BoxError::from))
}

impl BeginImmediate for DatabaseConnection {
    type Transaction = DatabaseTransaction;
    type Error = DbErr;

    async fn begin_immediate(&self) -> Result<Self::Transaction, Self::Error> {
        let is_sqlite = self.get_database_backend() == DatabaseBackend::Sqlite;
        let sqlite_transaction_mode = is_sqlite.then_some(SqliteTransactionMode::Immediate);
        self.begin_with_options(TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() }).await
    }
}

impl ClientTransaction for DatabaseTransaction {
    type Error = DbErr;

    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        execute(self, sql, json).await
    }

    async fn commit(self) -> Result<(), DbErr> {
        DatabaseTransaction::commit(self).await
    }

    async fn rollback(self) -> Result<(), DbErr> {
        DatabaseTransaction::rollback(self).await
    }
}

/// PostgreSQL's code of what it has refused.
#[cfg(feature = "postgres")]
pub(super) fn code(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    use sea_orm::RuntimeErr::SqlxError;
    match error.downcast_ref()? {
        DbErr::Conn(SqlxError(error)) | DbErr::Exec(SqlxError(error)) | DbErr::Query(SqlxError(error)) => {
            Some(error.as_database_error()?.code()?.into_owned())
        }
        _ => None,
    }
}
