//! How the store on PostgreSQL is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use super::{PostgresCredentials, PostgresStore, url};
use crate::StoreError;
use crate::clock::Clock;

/// How a [`PostgresStore`] is opened.
///
/// ```no_run
/// use signalpost_store::{PostgresOptions, Store};
///
/// # async fn open() -> Result<(), signalpost_store::StoreError> {
/// let store = PostgresOptions::new("postgres://app@db.example.com/news")?.schema("background").open().await?;
/// assert!(store.counts().await?.is_idle());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) connect: PgConnectOptions,
    pub(super) credentials: Option<PostgresCredentials>,
    pub(super) schema: Option<String>,
    pub(super) creates_tables: bool,
    pub(super) connections: usize,
    pub(super) call_timeout: Duration,
    pub(super) poll_interval: Duration,
    pub(super) notifies: bool,
    pub(super) behind_pooler: Option<bool>,
    pub(super) clock: Option<Arc<dyn Clock>>,
}

impl PostgresOptions {
    /// The store at `url`, `postgres://user:password@host:port/database?…`, with everything else at its default. What the
    /// URL leaves out is taken from the variables of libpq (`PGHOST`, `PGPASSWORD`, …) and from the password file. Letters of
    /// user and password that mean something in a URL are encoded: `%40` for `@`, `%2F` for `/`.
    ///
    /// The server sees the connections under the name `signalpost`, unless `application_name` or `PGAPPNAME` says another.
    ///
    /// # Errors
    ///
    /// When this is not a URL of PostgreSQL. No message repeats the password, here or later.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        url::parse(url).map(Self::with)
    }

    /// As [`PostgresOptions::new`], for whoever has the settings of sqlx already: certificates, sockets and all.
    pub fn with(connect: PgConnectOptions) -> Self {
        // No number of the store's has a fraction, and poolers refuse the parameter.
        let connect = connect.extra_float_digits(None);
        let is_named = connect.get_application_name().is_some();
        Self {
            connect: if is_named { connect } else { connect.application_name("signalpost") },
            credentials: None,
            schema: None,
            creates_tables: true,
            connections: 4,
            call_timeout: Duration::from_secs(8),
            poll_interval: Duration::from_millis(100),
            notifies: true,
            behind_pooler: None,
            clock: None,
        }
    }

    /// As [`PostgresOptions::new`], with what is replaced while the store works.
    pub fn with_credentials(credentials: &PostgresCredentials) -> Self {
        Self { credentials: Some(credentials.clone()), ..Self::with(credentials.connect()) }
    }

    /// The schema that holds the tables; it is created where it is missing. Default: the first one of the connection's
    /// `search_path`, as for any table. Everybody who sends and who works must say the same.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Whether missing tables are created. Default: true. Where the application's role may not create tables, they are
    /// made beforehand, from [`PostgresStore::schema_sql`], by a role that may.
    #[must_use]
    pub fn create_tables(mut self, creates: bool) -> Self {
        self.creates_tables = creates;
        self
    }

    /// How many connections the store has at most for sends, claims, reports and reads, opened when they are needed.
    /// Default: 4, at least 1. A worker has three more: for its lease, for its lock, and to listen.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// How long one call may take, connecting included; then it has failed. Default: 8 s. The server stops the statement
    /// at the same time. Keep it below a third of the workers' lease, or one call that hangs costs the lease.
    #[must_use]
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// How often an idle worker asks for tasks that it was not notified of. Default: 100 ms. Senders whose transactions
    /// were open while the worker became idle do not notify, nor do those who find another at it whose transaction takes
    /// long: this is how late their tasks may be noticed.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Whether idle workers ask to be notified of new tasks. Default: true. Without it they find them by asking, every
    /// [`PostgresOptions::poll_interval`].
    #[must_use]
    pub fn notify(mut self, notifies: bool) -> Self {
        self.notifies = notifies;
        self
    }

    /// Whether a pooler stands between the store and the server that gives each transaction another session. Default:
    /// found out when the store is opened. There nothing can be kept in a session: no lock shows that a worker lives, so
    /// the tasks of a dead one are taken up when its lease has expired, and new tasks are found by asking.
    #[must_use]
    pub fn behind_pooler(mut self, is_behind: bool) -> Self {
        self.behind_pooler = Some(is_behind);
        self
    }

    /// A clock instead of the server's. For tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Opens the store: connects, and creates the tables where they are missing.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or does not let this role in, when it is older than 15 or read-only, when the
    /// tables are missing and may not be created, or were made by a newer version.
    pub async fn open(self) -> Result<PostgresStore, StoreError> {
        PostgresStore::open_with(self).await
    }

    /// Where it is, for messages: never with the password.
    pub(super) fn place(&self) -> String {
        let connect = &self.connect;
        let host = match connect.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", connect.get_host(), connect.get_port()),
        };
        format!("PostgreSQL at {host}, database `{}`", connect.get_database().unwrap_or(connect.get_username()))
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("place", &self.place())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
