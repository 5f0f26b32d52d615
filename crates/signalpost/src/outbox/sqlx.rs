//! Connections, pools and transactions of sqlx.

use signalpost_dispatch::BoxError;
use signalpost_store::Column;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Transaction};

use super::{BeginImmediate, Outbox};
use crate::ClientTransaction;

/// The same for each database: sqlx names its types by the database.
macro_rules! implement_for {
    ($database:ty, $connection:ty, $pool:ty, $begin:literal) => {
        impl Outbox for &mut $connection {
            async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
                // The statement is the store's own, from a file.
                let statement = sqlx::query(AssertSqlSafe(sql.to_owned())).bind(json.to_owned());
                Ok(statement.execute(&mut **self).await?.rows_affected())
            }

            async fn execute_row(
                &mut self,
                sql: &'static str,
                columns: &[Column<'_>],
            ) -> Option<Result<u64, BoxError>> {
                let statement = columns.iter().fold(sqlx::query(sql), |statement, column| match column {
                    Column::Null => statement.bind(None::<i64>),
                    Column::Integer(number) => statement.bind(*number),
                    Column::Text(text) => statement.bind(text.clone().into_owned()),
                });
                let written = statement.execute(&mut **self).await;
                Some(written.map(|written| written.rows_affected()).map_err(BoxError::from))
            }
        }

        impl Outbox for &mut Transaction<'_, $database> {
            async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
                Outbox::execute(&mut &mut ***self, sql, json).await
            }

            async fn execute_row(
                &mut self,
                sql: &'static str,
                columns: &[Column<'_>],
            ) -> Option<Result<u64, BoxError>> {
                Outbox::execute_row(&mut &mut ***self, sql, columns).await
            }
        }

        impl Outbox for &mut PoolConnection<$database> {
            async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
                Outbox::execute(&mut &mut ***self, sql, json).await
            }

            async fn execute_row(
                &mut self,
                sql: &'static str,
                columns: &[Column<'_>],
            ) -> Option<Result<u64, BoxError>> {
                Outbox::execute_row(&mut &mut ***self, sql, columns).await
            }
        }

        /// One connection of the pool, outside any transaction.
        impl Outbox for &$pool {
            async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
                let mut connection = self.acquire().await?;
                Outbox::execute(&mut &mut *connection, sql, json).await
            }

            async fn execute_row(
                &mut self,
                sql: &'static str,
                columns: &[Column<'_>],
            ) -> Option<Result<u64, BoxError>> {
                match self.acquire().await {
                    Ok(mut connection) => Outbox::execute_row(&mut &mut *connection, sql, columns).await,
                    Err(error) => Some(Err(error.into())),
                }
            }
        }

        impl BeginImmediate for $pool {
            type Transaction = Transaction<'static, $database>;
            type Error = sqlx::Error;

            async fn begin_immediate(&self) -> Result<Self::Transaction, Self::Error> {
                self.begin_with($begin).await
            }
        }

        impl ClientTransaction for Transaction<'_, $database> {
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
    };
}

#[cfg(feature = "sqlite")]
implement_for!(sqlx::Sqlite, sqlx::SqliteConnection, sqlx::SqlitePool, "BEGIN IMMEDIATE");
#[cfg(feature = "postgres")]
implement_for!(sqlx::Postgres, sqlx::PgConnection, sqlx::PgPool, "BEGIN");

/// PostgreSQL's code of what it has refused.
#[cfg(feature = "postgres")]
pub(super) fn code(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let error = error.downcast_ref::<sqlx::Error>()?.as_database_error()?;
    Some(error.code()?.into_owned())
}
