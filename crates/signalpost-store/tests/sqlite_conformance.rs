//! The suite of the contract, on SQLite.

use signalpost_store::conformance::{Fixture, Sql};
use signalpost_store::{ManualClock, SqliteOptions, Store};
use std::sync::Arc;
use std::time::Duration;

struct Sqlite {
    directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Fixture for Sqlite {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(1_700_000_000_000));
        Self { directory: tempfile::tempdir().unwrap(), clock }
    }

    async fn open(&self) -> Arc<dyn Store> {
        let options = SqliteOptions::new(self.directory.path().join("store.db"));
        Arc::new(options.clock(self.clock.clone()).open().unwrap())
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn tamper(&self, sql: Sql) {
        let connection = rusqlite::Connection::open(self.directory.path().join("store.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection.execute_batch(sql.sqlite).unwrap();
    }

    async fn transact(&self, statements: &[&str], json: &str, commit: bool) -> Vec<u64> {
        let mut client = rusqlite::Connection::open(self.directory.path().join("store.db")).unwrap();
        client.busy_timeout(Duration::from_secs(5)).unwrap();
        let transaction = client.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
        let moved = statements.iter().map(|sql| transaction.execute(sql, [json]).unwrap() as u64).collect();
        if commit {
            transaction.commit().unwrap();
        } else {
            transaction.rollback().unwrap();
        }
        moved
    }
}

signalpost_store::store_tests!(Sqlite);
