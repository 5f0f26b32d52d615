//! What can go wrong with a store.

use std::fmt;

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
pub(crate) enum Kind {
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
        /// No store can be there: the path is a directory, a URL or an in-memory database, or its directory is missing; the
        /// URL is not one of PostgreSQL, or names a database that does not exist.
        is_bad_path => BadPath,
        /// The tables were made by a newer version of signalpost.
        is_newer_schema => NewerSchema,
        /// The SQLite library that is linked has a known way of losing data.
        is_old_library => OldLibrary,
        /// The database's server is older than PostgreSQL 15.
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

    pub(crate) fn new(kind: Kind, message: impl Into<String>, hint: Option<&'static str>) -> Self {
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

    /// What it says, and what can be done about it, without a line break: for logs, in which a line is a message.
    pub fn in_one_line(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| {
            f.write_str(&self.message)?;
            self.hint.map_or(Ok(()), |hint| write!(f, " (hint: {hint})"))
        })
    }

    /// See [`StoreError::is_closed`].
    pub fn closed() -> Self {
        Self::new(Kind::Closed, "the store has been shut down", None)
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
