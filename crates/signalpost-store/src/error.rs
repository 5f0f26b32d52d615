//! What can go wrong with a store.

use std::fmt;
#[cfg(feature = "sqlite")]
use std::path::Path;

/// A store's failure: what went wrong, and on a second line what to do about it, where something can be done.
///
/// The predicates tell apart what callers may want to treat differently.
#[derive(Clone)]
pub struct StoreError {
    kind: Kind,
    message: String,
    hint: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Locked,
    Full,
    ReadOnly,
    NotAStore,
    BadPath,
    NewerSchema,
    OldLibrary,
    OldServer,
    Unreachable,
    AccessDenied,
    NoTables,
    LeaseLost,
    InvalidTask,
    Refused,
    Closed,
    Other,
}

macro_rules! predicates {
    ($($(#[$doc:meta])* $name:ident => $kind:ident),* $(,)?) => {
        $($(#[$doc])* pub fn $name(&self) -> bool { self.kind == Kind::$kind })*
    };
}

impl StoreError {
    predicates! {
        /// Somebody else held the database's write lock for longer than the store waits.
        is_locked => Locked,
        /// The disk, or the room given to the database, is full. Nothing was written.
        is_full => Full,
        /// The database may not be written.
        is_read_only => ReadOnly,
        /// The file is not a database.
        is_not_a_database => NotAStore,
        /// No store can be at the path: it is a directory, a URL or an in-memory database, or its directory is missing.
        is_bad_path => BadPath,
        /// The tables were made by a newer version of signalpost.
        is_newer_schema => NewerSchema,
        /// The SQLite library that is linked has a known way of losing data.
        is_old_library => OldLibrary,
        /// The database's server is too old.
        is_old_server => OldServer,
        /// The database's server cannot be reached, or does not answer in time.
        is_unreachable => Unreachable,
        /// The database's server does not let this role in, or not do what a store does.
        is_access_denied => AccessDenied,
        /// The database has no tables of signalpost.
        is_without_tables => NoTables,
        /// The worker's lease row is gone: it was rescued, and holds nothing any more.
        is_lease_lost => LeaseLost,
        /// A task that cannot be written: a name, a priority or a text that the store refuses.
        is_invalid_task => InvalidTask,
        /// The database refuses these very values, and would do so again: a constraint, a trigger, a size.
        is_refused => Refused,
        /// The store has been shut down.
        is_closed => Closed,
    }

    /// True when trying again later may help without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::Locked | Kind::Full | Kind::Unreachable | Kind::Other)
    }

    fn new(kind: Kind, message: impl Into<String>, hint: Option<&'static str>) -> Self {
        Self { kind, message: message.into(), hint }
    }

    /// A failure that none of the predicates name.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(Kind::Other, message, None)
    }

    /// See [`StoreError::is_lease_lost`].
    pub fn lease_lost(worker: &str) -> Self {
        Self::new(Kind::LeaseLost, format!("worker {worker} has no lease any more: its tasks were rescued"), None)
    }

    /// See [`StoreError::is_invalid_task`].
    pub fn invalid_task(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidTask, message, None)
    }

    /// See [`StoreError::is_newer_schema`].
    pub fn newer_schema(database: impl fmt::Display, found: i64, known: i64) -> Self {
        Self::new(
            Kind::NewerSchema,
            format!("{database} holds signalpost's schema v{found}; this program knows v{known}"),
            Some("upgrade the program, or give it a database of its own; nothing was changed"),
        )
    }

    /// See [`StoreError::is_without_tables`].
    pub fn without_tables(database: &str) -> Self {
        Self::new(
            Kind::NoTables,
            format!("{database} has no signalpost tables"),
            Some("send on a connection to the database that the installed store is in, or open a store there first"),
        )
    }

    /// See [`StoreError::is_closed`].
    pub fn closed() -> Self {
        Self::new(Kind::Closed, "the store has been shut down", None)
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn old_library(version: &str, least: &str) -> Self {
        Self::new(
            Kind::OldLibrary,
            format!("SQLite {version} is linked; before {least} it can lose committed data (the WAL-reset bug)"),
            Some("pin libsqlite3-sys to 0.37 or newer, with its feature `bundled`"),
        )
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn read_only(path: &Path) -> Self {
        Self::new(
            Kind::ReadOnly,
            format!("{} is read-only", path.display()),
            Some("a store writes: check the permissions of the file and of its directory"),
        )
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn not_a_path(text: &str) -> Self {
        let hint = "a store is opened by the path of its file: leave out `sqlite:` and the slashes that belong to it";
        Self::new(Kind::BadPath, format!("`{text}` is a URL"), Some(hint))
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn directory(path: &Path) -> Self {
        Self::new(Kind::BadPath, format!("{} is a directory", path.display()), Some("give the path of a file in it"))
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn in_memory() -> Self {
        Self::new(
            Kind::BadPath,
            "an in-memory database cannot hold a store: each of its connections would see another one",
            Some("give a path; tests can take one in a temporary directory"),
        )
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn bad_url(why: &str) -> Self {
        Self::new(
            Kind::BadPath,
            format!("this is not the URL of a PostgreSQL database: {why}"),
            Some("it looks like postgres://user:password@host:port/database"),
        )
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn old_server(place: &str, found: i64) -> Self {
        Self::new(
            Kind::OldServer,
            format!("{place}: the server is PostgreSQL {found}"),
            Some("a store needs 15 or newer"),
        )
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn read_only_server(place: &str) -> Self {
        Self::new(
            Kind::ReadOnly,
            format!("{place} is read-only"),
            Some("a store writes: connect to the primary, not to a standby, and look at default_transaction_read_only"),
        )
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn without_schema(place: &str) -> Self {
        Self::new(
            Kind::NoTables,
            format!(
                "{place} has no signalpost tables where this role's search_path, or the schema that was named, leads"
            ),
            Some("run the SQL of PostgresStore::schema_sql as a role that may create tables, or let the store do it"),
        )
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn may_not_create(place: &str, why: &str) -> Self {
        Self::new(
            Kind::AccessDenied,
            format!("{place}: the tables are missing, and this role may not create them: {why}"),
            Some("run the SQL of PostgresStore::schema_sql as a role that may, and grant this one their use"),
        )
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn timed_out(place: &str, after: std::time::Duration) -> Self {
        Self::new(
            Kind::Unreachable,
            format!("{place} did not answer within {after:?}"),
            Some("a change that was under way has been made or not; look at the server's load and at the network"),
        )
    }

    /// What PostgreSQL says, in our words where we have better ones. Never with the password.
    #[cfg(feature = "postgres")]
    pub(crate) fn postgres(place: &str, error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(refusal) = error else {
            let hint = "check host and port, and that the server runs and takes connections from here";
            return Self::new(Kind::Unreachable, format!("{place} cannot be reached: {error}"), Some(hint));
        };
        let code = refusal.code().unwrap_or_default();
        let (kind, hint) = match &*code {
            "28P01" | "28000" => (Kind::AccessDenied, Some("check user and password, and the server's pg_hba.conf")),
            "42501" => (
                Kind::AccessDenied,
                Some(
                    "grant the role USAGE on the schema, and SELECT, INSERT, UPDATE and DELETE on signalpost's tables",
                ),
            ),
            "3D000" => (Kind::BadPath, Some("create the database first, or correct the URL")),
            "42P01" | "3F000" => return Self::without_schema(place),
            "25006" => return Self::read_only_server(place),
            "53100" => (Kind::Full, Some("make room on the server's disk; the store goes on by itself")),
            "53300" => {
                (Kind::Unreachable, Some("the server has no connection left: raise max_connections, or use fewer"))
            }
            "55P03" | "57014" => (Kind::Locked, Some("look for a transaction that is kept open, in pg_stat_activity")),
            code if code.starts_with("57P") || code.starts_with("08") => (Kind::Unreachable, None),
            code if ["22", "23", "P0"].iter().any(|class| code.starts_with(class)) => (Kind::Refused, None),
            _ => (Kind::Other, None),
        };
        Self::new(kind, format!("{place}: {}", refusal.message()), hint)
    }

    /// What SQLite says, in our words where we have better ones.
    #[cfg(feature = "sqlite")]
    pub(crate) fn sqlite(path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::ffi::ErrorCode as Code;
        let file = path.display();
        let code = error.sqlite_error_code();
        match code {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::new(
                Kind::Locked,
                format!("{file} stayed locked by another writer"),
                Some(
                    "if this very task or thread holds a transaction there, send on it with send_in; otherwise \
                     look for a transaction that is kept open",
                ),
            ),
            Some(Code::DiskFull) => Self::new(
                Kind::Full,
                format!("no room left to write {file}"),
                Some("nothing was written; make room on the disk, the store goes on by itself"),
            ),
            Some(Code::ReadOnly) => Self::read_only(path),
            Some(Code::NotADatabase | Code::DatabaseCorrupt) => Self::new(
                Kind::NotAStore,
                format!("{file} is not a SQLite database, or is damaged: {error}"),
                Some("check the path; the file was not changed"),
            ),
            Some(Code::ConstraintViolation | Code::TooBig | Code::TypeMismatch) => {
                Self::new(Kind::Refused, format!("{file}: {error}"), None)
            }
            // Without its directory; else there were too many open files, for one.
            Some(Code::CannotOpen) => Self::new(
                if std::path::absolute(path).is_ok_and(|path| path.parent().is_some_and(Path::is_dir)) {
                    Kind::Other
                } else {
                    Kind::BadPath
                },
                format!("cannot open {file}: {error}"),
                Some("check that its directory exists, and create it first"),
            ),
            _ => Self::new(Kind::Other, format!("{file}: {error}"), None),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// As it is displayed: a `main` that returns the error shows this.
impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for StoreError {}
