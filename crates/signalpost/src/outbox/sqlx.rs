//! Connections, pools and transactions of sqlx.

use signalpost_dispatch::BoxError;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::{BeginImmediate, Outbox};
use crate::ClientTransaction;

impl Outbox for &mut SqliteConnection {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        // The statement is the store's own, from a file.
        let statement = sqlx::query(AssertSqlSafe(sql.to_owned())).bind(json.to_owned());
        Ok(statement.execute(&mut **self).await?.rows_affected())
    }
}

impl Outbox for &mut Transaction<'_, Sqlite> {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        Outbox::execute(&mut &mut ***self, sql, json).await
    }
}

impl Outbox for &mut PoolConnection<Sqlite> {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        Outbox::execute(&mut &mut ***self, sql, json).await
    }
}

/// One connection of the pool, outside any transaction.
impl Outbox for &SqlitePool {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        let mut connection = self.acquire().await?;
        Outbox::execute(&mut &mut *connection, sql, json).await
    }
}

impl BeginImmediate for SqlitePool {
    type Transaction = Transaction<'static, Sqlite>;
    type Error = sqlx::Error;

    async fn begin_immediate(&self) -> Result<Self::Transaction, Self::Error> {
        self.begin_with("BEGIN IMMEDIATE").await
    }
}

impl ClientTransaction for Transaction<'_, Sqlite> {
    type Error = sqlx::Error;

    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        Outbox::execute(&mut &mut *self, sql, json).await
    }

    async fn commit(self) -> Result<(), sqlx::Error> {
        Transaction::commit(self).await
    }

    async fn rollback(self) -> Result<(), sqlx::Error> {
        Transaction::rollback(self).await
    }
}
