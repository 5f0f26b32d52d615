//! How the store on SQLite is opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::SqliteStore;
use crate::StoreError;
use crate::clock::{Clock, SystemClock};

/// How a [`SqliteStore`] is opened.
///
/// ```
/// use signalpost_store::{SqliteOptions, Store};
/// use std::time::Duration;
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("app.db");
/// let store = SqliteOptions::new(path).busy_timeout(Duration::from_secs(10)).open()?;
/// # Ok::<(), signalpost_store::StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(super) path: PathBuf,
    pub(super) busy_timeout: Duration,
    pub(super) poll_interval: Option<Duration>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) max_pages: Option<u32>,
    pub(super) creates_tables: bool,
}

impl SqliteOptions {
    /// A store in the database file `path`, with everything else at its default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            busy_timeout: Duration::from_secs(5),
            poll_interval: None,
            clock: Arc::new(SystemClock),
            max_pages: None,
            creates_tables: true,
        }
    }

    /// How long a write waits for another writer before it fails with [`StoreError::is_locked`]. Default: 5 s. A
    /// renewal may wait for the writes before it and then for as long itself: keep this well below a third of the
    /// workers' lease.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How often the database is asked for other processes' commits while a worker of this process is idle. Default:
    /// where the system tells of writes to the database's log (Linux, on local file systems), every 25 ms, which is
    /// for safety only; elsewhere every 2 ms, and then it bounds how soon an idle worker hears of a commit and is most
    /// of what it costs.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = Some(interval);
        self
    }

    /// The clock. Default: this machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The most pages that the database may grow to through this store. Default: no limit but the disk's. A write
    /// beyond it fails with [`StoreError::is_full`].
    #[must_use]
    pub fn max_pages(mut self, pages: u32) -> Self {
        self.max_pages = Some(pages);
        self
    }

    /// Whether a missing file and missing tables are created. Default: true. Without it somebody else makes them beforehand: the
    /// migrations of an application, say.
    #[must_use]
    pub fn create_tables(mut self, creates: bool) -> Self {
        self.creates_tables = creates;
        self
    }

    /// Opens the store: creates the file where there is none, and the tables where they are missing.
    ///
    /// The database is switched to WAL. Other tables in it are not touched.
    ///
    /// # Errors
    ///
    /// When the SQLite that is linked is older than 3.51.3, the file is not a database, is read-only, or holds a
    /// newer schema; when its directory does not exist, or `path` is a directory or a URL.
    pub fn open(self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_with(self)
    }
}
