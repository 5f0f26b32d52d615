//! What a store connects with, where that changes while it works.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::postgres::PgConnectOptions;
use tokio::sync::Notify;

use super::PostgresOptions;
use crate::StoreError;

/// What a store connects with, and who hears that it is not enough any more: a password that is rotated, a token that expires.
/// Clones are the same one.
///
/// ```no_run
/// use signalpost_store::{PostgresCredentials, PostgresOptions};
///
/// # fn url_of_now() -> String { String::new() }
/// # async fn open() -> Result<(), signalpost_store::StoreError> {
/// let credentials = PostgresCredentials::new(&url_of_now())?;
/// let store = PostgresOptions::with_credentials(&credentials).open().await?;
/// # async fn keep(credentials: PostgresCredentials) {
/// // Beside it, for as long as the store works:
/// loop {
///     credentials.refused().await;
///     if let Err(error) = credentials.replace(&url_of_now()) {
///         eprintln!("{error}");
///     }
/// }
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresCredentials(Arc<Held>);

struct Held {
    connect: Mutex<PgConnectOptions>,
    refused: Notify,
}

impl PostgresCredentials {
    /// Those of this URL, which is read as by [`PostgresOptions::new`].
    ///
    /// # Errors
    ///
    /// When this is not a URL of PostgreSQL.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        Ok(Self::of(PostgresOptions::new(url)?.connect))
    }

    pub(super) fn of(connect: PgConnectOptions) -> Self {
        Self(Arc::new(Held { connect: Mutex::new(connect), refused: Notify::new() }))
    }

    /// What the store's next connections are made with. Those that are open go on.
    ///
    /// # Errors
    ///
    /// When this is not a URL of PostgreSQL; then nothing is replaced.
    pub fn replace(&self, url: &str) -> Result<(), StoreError> {
        let connect = PostgresOptions::new(url)?.connect;
        *self.0.connect.lock().unwrap_or_else(PoisonError::into_inner) = connect;
        Ok(())
    }

    /// Completes when the server has not let a connection in since this completed last. The store tries again by itself, with
    /// what it has then.
    pub async fn refused(&self) {
        self.0.refused.notified().await;
    }

    pub(super) fn connect(&self) -> PgConnectOptions {
        self.0.connect.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn tell_of(&self, error: &sqlx::Error) {
        let code = error.as_database_error().and_then(|refusal| refusal.code());
        if matches!(code.as_deref(), Some("28P01" | "28000")) {
            self.0.refused.notify_one();
        }
    }
}

impl fmt::Debug for PostgresCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresCredentials").finish_non_exhaustive()
    }
}
