//! Sends on connections of tokio-postgres.

use std::sync::{Mutex, PoisonError};

use signalpost::{BoxError, Outbox};
use tokio_postgres::{Client, Statement};

/// A connection that prepares what it is given once, as a client of an application would.
pub(super) struct Preparing {
    pub(super) client: Client,
    prepared: Mutex<Option<(String, Statement)>>,
}

impl Preparing {
    pub(super) fn new(client: Client) -> Self {
        Self { client, prepared: Mutex::default() }
    }

    async fn prepared(&self, sql: &str) -> Result<Statement, BoxError> {
        let last = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, statement)) = last.filter(|(last, _)| last == sql) {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Some((sql.to_owned(), statement.clone()));
        Ok(statement)
    }
}

impl Outbox for &Preparing {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.execute(&statement, &[&json]).await?)
    }
}
