//! The suite of the contract, on PostgreSQL.

use signalpost_postgres_server::TestDatabase;
use signalpost_store::conformance::{Fixture, Sql};
use signalpost_store::{ManualClock, PostgresOptions, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::sync::Arc;
use std::time::Duration;

struct Postgres {
    database: TestDatabase,
    clock: Arc<ManualClock>,
}

impl Postgres {
    async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }
}

impl Fixture for Postgres {
    async fn new() -> Self {
        Self { database: TestDatabase::new(), clock: Arc::new(ManualClock::new(1_700_000_000_000)) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        let options = PostgresOptions::new(self.database.url()).unwrap().clock(self.clock.clone());
        Arc::new(options.open().await.unwrap())
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn tamper(&self, sql: Sql) {
        sqlx::raw_sql(sql.postgres).execute(&mut self.connect().await).await.unwrap();
    }

    async fn transact(&self, statements: &[&str], json: &str, commit: bool) -> Vec<u64> {
        let mut client = self.connect().await;
        let mut transaction = client.begin().await.unwrap();
        let mut moved = Vec::new();
        for sql in statements {
            let statement = sqlx::query(AssertSqlSafe((*sql).to_owned())).bind(json);
            moved.push(statement.execute(&mut *transaction).await.unwrap().rows_affected());
        }
        if commit {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        moved
    }
}

signalpost_store::store_tests!(
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    Postgres
);
