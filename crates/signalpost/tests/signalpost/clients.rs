//! Clients that are sent on, each with the same tests: one that begins a transaction and sends on it is like another.

use crate::{Place, TOO_LONG};
use signalpost::{BeginImmediate, BoxError, Outbox, begin_immediate};
use sqlx::{AssertSqlSafe, Connection, PgPool, Postgres, Sqlite, SqlitePool};
use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Instant;
use tokio_postgres::{GenericClient, NoTls};

/// A name that no other test of this process has, whatever client it is made for.
pub(crate) fn unique(name: &str) -> &'static str {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("tests.{name}.{}", COUNT.fetch_add(1, SeqCst)).leak()
}

/// Returns when a query finds this number.
pub(crate) fn wait_for(place: &impl Place, number: i64, sql: &str) {
    let began = Instant::now();
    while place.numbers(sql) != [number] {
        assert!(began.elapsed() < TOO_LONG, "never {number}: {sql}");
    }
}

/// A client of a database.
pub(crate) trait Client: Send + Sized + 'static {
    type Transaction<'c>: Transaction
    where
        Self: 'c;

    async fn connect(url: &str) -> Self;

    async fn begin(&mut self) -> Self::Transaction<'_>;

    /// What is sent on outside any transaction.
    fn outbox(&mut self) -> impl Outbox;
}

/// A client's transaction, or a savepoint in it. Dropped, it is rolled back.
pub(crate) trait Transaction: Send {
    type Savepoint<'t>: Transaction
    where
        Self: 't;

    fn run(&mut self, sql: &str) -> impl Future<Output = Result<(), BoxError>> + Send;

    fn outbox(&mut self) -> impl Outbox + Send;

    fn savepoint(&mut self) -> impl Future<Output = Self::Savepoint<'_>> + Send;

    fn commit(self) -> impl Future<Output = ()> + Send;

    fn rollback(self) -> impl Future<Output = ()> + Send;
}

/// A client in whose transactions tasks can be completed.
pub(crate) trait Pool:
    Client + Clone + Sync + BeginImmediate<Transaction: Transaction + Debug, Error: Error + Send + Sync + 'static>
{
}

impl Pool for SqlitePool {}
impl Pool for PgPool {}
impl Pool for sea_orm::DatabaseConnection {}

macro_rules! sqlx_is_a_client {
    ($pool:ty, $database:ty) => {
        impl Client for $pool {
            type Transaction<'c> = sqlx::Transaction<'static, $database>;

            async fn connect(url: &str) -> Self {
                Self::connect(url).await.unwrap()
            }

            async fn begin(&mut self) -> Self::Transaction<'_> {
                begin_immediate(&*self).await.unwrap()
            }

            fn outbox(&mut self) -> impl Outbox {
                &*self
            }
        }

        impl Transaction for sqlx::Transaction<'_, $database> {
            type Savepoint<'t>
                = sqlx::Transaction<'t, $database>
            where
                Self: 't;

            async fn run(&mut self, sql: &str) -> Result<(), BoxError> {
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut **self).await?;
                Ok(())
            }

            fn outbox(&mut self) -> impl Outbox + Send {
                self
            }

            async fn savepoint(&mut self) -> Self::Savepoint<'_> {
                Connection::begin(&mut **self).await.unwrap()
            }

            async fn commit(self) {
                sqlx::Transaction::commit(self).await.unwrap();
            }

            async fn rollback(self) {
                sqlx::Transaction::rollback(self).await.unwrap();
            }
        }
    };
}

sqlx_is_a_client!(SqlitePool, Sqlite);
sqlx_is_a_client!(PgPool, Postgres);

impl Client for sea_orm::DatabaseConnection {
    type Transaction<'c> = sea_orm::DatabaseTransaction;

    async fn connect(url: &str) -> Self {
        sea_orm::Database::connect(url).await.unwrap()
    }

    async fn begin(&mut self) -> Self::Transaction<'_> {
        begin_immediate(&*self).await.unwrap()
    }

    fn outbox(&mut self) -> impl Outbox {
        &*self
    }
}

impl Transaction for sea_orm::DatabaseTransaction {
    type Savepoint<'t> = Self;

    async fn run(&mut self, sql: &str) -> Result<(), BoxError> {
        sea_orm::ConnectionTrait::execute_unprepared(self, sql).await?;
        Ok(())
    }

    fn outbox(&mut self) -> impl Outbox + Send {
        &*self
    }

    async fn savepoint(&mut self) -> Self {
        sea_orm::TransactionTrait::begin(self).await.unwrap()
    }

    async fn commit(self) {
        sea_orm::DatabaseTransaction::commit(self).await.unwrap();
    }

    async fn rollback(self) {
        sea_orm::DatabaseTransaction::rollback(self).await.unwrap();
    }
}

/// What the documentation of `Outbox` shows: a client of which signalpost knows nothing.
pub(crate) struct TokioPostgres<'a, C>(pub(crate) &'a C);

impl<C: GenericClient + Sync> Outbox for TokioPostgres<'_, C> {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        Ok(self.0.execute(sql, &[&json]).await?)
    }
}

impl Client for tokio_postgres::Client {
    type Transaction<'c> = tokio_postgres::Transaction<'c>;

    async fn connect(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        // It ends with the client.
        tokio::spawn(connection);
        client
    }

    async fn begin(&mut self) -> Self::Transaction<'_> {
        self.transaction().await.unwrap()
    }

    fn outbox(&mut self) -> impl Outbox {
        TokioPostgres(self)
    }
}

impl Transaction for tokio_postgres::Transaction<'_> {
    type Savepoint<'t>
        = tokio_postgres::Transaction<'t>
    where
        Self: 't;

    async fn run(&mut self, sql: &str) -> Result<(), BoxError> {
        self.batch_execute(sql).await?;
        Ok(())
    }

    fn outbox(&mut self) -> impl Outbox + Send {
        TokioPostgres(self)
    }

    async fn savepoint(&mut self) -> Self::Savepoint<'_> {
        self.transaction().await.unwrap()
    }

    async fn commit(self) {
        tokio_postgres::Transaction::commit(self).await.unwrap();
    }

    async fn rollback(self) {
        tokio_postgres::Transaction::rollback(self).await.unwrap();
    }
}

/// The tests that are listed, on a SQLite file through a client.
macro_rules! on_sqlite {
    ($module:ident: $client:ty: $($test:ident)*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test::<crate::File, $client>().await;
                }
            )*
        }
    };
}
pub(crate) use on_sqlite;

/// The tests that are listed, on PostgreSQL through a client.
macro_rules! on_postgres {
    ($module:ident: $client:ty: $($test:ident)*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread")]
                #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
                async fn $test() {
                    super::$test::<signalpost_postgres_server::TestDatabase, $client>().await;
                }
            )*
        }
    };
}
pub(crate) use on_postgres;

/// Makes a test of each function that is named, for each client.
macro_rules! on_every_client {
    ($($test:ident)*) => {
        crate::clients::on_every_pool! { $($test)* }
        crate::clients::on_postgres! { tokio_postgres_on_postgres: tokio_postgres::Client: $($test)* }
    };
}
pub(crate) use on_every_client;

/// As [`on_every_client`], for each [`Pool`].
macro_rules! on_every_pool {
    ($($test:ident)*) => {
        crate::clients::on_sqlite! { sqlx_on_sqlite: sqlx::SqlitePool: $($test)* }
        crate::clients::on_postgres! { sqlx_on_postgres: sqlx::PgPool: $($test)* }
        crate::clients::on_sqlite! { sea_orm_on_sqlite: sea_orm::DatabaseConnection: $($test)* }
        crate::clients::on_postgres! { sea_orm_on_postgres: sea_orm::DatabaseConnection: $($test)* }
    };
}
pub(crate) use on_every_pool;
