//! What the server says, in our words where we have better ones. A message never has the password.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::Error;

use crate::StoreError;
use crate::error::Kind;

/// What goes wrong inside a call, before it is put into words.
#[derive(Debug)]
pub(super) enum Failure {
    Postgres(Error),
    Store(StoreError),
}

pub(super) type Outcome<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Postgres(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

impl Failure {
    pub(super) fn explained(self, place: &str) -> StoreError {
        match self {
            Failure::Postgres(error) => StoreError::postgres(place, &error),
            Failure::Store(error) => error,
        }
    }

    /// Nothing more can be done on the connection.
    pub(super) fn is_broken(&self) -> bool {
        match self {
            // The server ends the session with these: it shuts down, somebody has terminated it, or it waited too long.
            Failure::Postgres(Error::Database(error)) => error
                .code()
                .is_some_and(|code| code.starts_with("57P") || code.starts_with("08") || code == IDLE_IN_TRANSACTION),
            Failure::Postgres(
                Error::RowNotFound | Error::ColumnDecode { .. } | Error::ColumnNotFound(_) | Error::Decode(_),
            )
            | Failure::Store(_) => false,
            Failure::Postgres(_) => true,
        }
    }

    /// What the server says when this role may not do it.
    pub(super) fn denial(&self) -> Option<&str> {
        match self {
            Failure::Postgres(Error::Database(error)) if error.code().as_deref() == Some(DENIED) => {
                Some(error.message())
            }
            _ => None,
        }
    }
}

const DENIED: &str = "42501";
const IDLE_IN_TRANSACTION: &str = "25P03";

const HOW_TO_MAKE: &str = "run the SQL of PostgresStore::schema_sql as a role that may create tables, and that of \
     PostgresStore::grants_sql for this one; or let the store create them";
const HOW_TO_GRANT: &str =
    "grant this role what PostgresStore::grants_sql lists, and CONNECT on the database, as the tables' owner";

impl StoreError {
    pub(super) fn bad_url(why: &str) -> Self {
        Self::new(
            Kind::BadPath,
            format!("this is not the URL of a PostgreSQL database: {why}"),
            Some("it looks like postgres://user:password@host:port/database"),
        )
    }

    pub(super) fn bad_schema(name: &str, why: &str) -> Self {
        let message = format!("`{}` cannot be the name of a schema: {why}", name.escape_debug());
        Self::new(Kind::BadPath, message, Some("give the name of a schema, as it stands in pg_namespace"))
    }

    pub(super) fn old_server(place: &str, found: i64) -> Self {
        let hint = "a store needs PostgreSQL 15 or newer: upgrade the server, or give the store another one";
        Self::new(Kind::OldServer, format!("{place}: the server is PostgreSQL {found}"), Some(hint))
    }

    pub(super) fn read_only_server(place: &str) -> Self {
        Self::new(
            Kind::ReadOnly,
            format!("{place} is read-only"),
            Some("a store writes: connect to the primary, not to a standby, and look at default_transaction_read_only"),
        )
    }

    pub(super) fn without_schema(place: &str, schema: Option<&str>) -> Self {
        let message = match schema {
            Some(schema) => format!("{place} has no signalpost tables in the schema `{schema}`"),
            None => format!("{place} has no signalpost tables where this role's search_path leads"),
        };
        Self::new(Kind::NoTables, message, Some(HOW_TO_MAKE))
    }

    pub(super) fn half_made(place: &str) -> Self {
        Self::new(
            Kind::NoTables,
            format!("{place}: the table signalpost_schema is empty, so the tables were made in part only"),
            Some("run the whole of PostgresStore::schema_sql in one transaction, where there are no such tables yet"),
        )
    }

    pub(super) fn may_not_create(place: &str, why: &str) -> Self {
        let message = format!("{place}: the tables are missing, and this role may not create them: {why}");
        Self::new(Kind::AccessDenied, message, Some(HOW_TO_MAKE))
    }

    pub(super) fn timed_out(place: &str, after: Duration) -> Self {
        Self::new(
            Kind::Unreachable,
            format!("{place} did not answer within {after:?}"),
            Some("a change that was under way has been made or not; look at the server's load and at the network"),
        )
    }

    /// What went wrong on a connection, or on the way to one.
    pub(super) fn postgres(place: &str, error: &Error) -> Self {
        let unreachable = |why: &dyn std::fmt::Display, hint| {
            Self::new(Kind::Unreachable, format!("{place} cannot be reached: {why}"), Some(hint))
        };
        match error {
            Error::Database(refusal) => {
                Self::refused_by_server(place, &refusal.code().unwrap_or_default(), refusal.message())
            }
            // Another kind of server announces what does not come; so does one that ends meanwhile.
            Error::Io(why) if why.kind() == ErrorKind::UnexpectedEof => unreachable(
                why,
                "check that host and port are those of a PostgreSQL server, and that it takes connections from here",
            ),
            // So a handshake says what it does not like.
            Error::Io(why) if why.kind() == ErrorKind::InvalidData => unreachable(
                why,
                "check sslmode and sslrootcert, and that the server's certificate has the host among its alternative names",
            ),
            Error::Io(why) => {
                unreachable(why, "check host and port, and that the server runs and takes connections from here")
            }
            Error::Tls(why) => unreachable(
                why,
                "the URL's sslmode asks for an encryption that server or program do not have: the program has it by \
                 the feature `tls`",
            ),
            other => unreachable(other, "check that host and port are those of a PostgreSQL server"),
        }
    }

    /// By the codes of PostgreSQL's appendix A.
    fn refused_by_server(place: &str, code: &str, message: &str) -> Self {
        let (kind, hint) = match code {
            "28P01" => (Kind::AccessDenied, Some("check user and password")),
            "28000" => (
                Kind::AccessDenied,
                Some(
                    "check user and password, and the server's pg_hba.conf; where that demands encryption, the program \
                     needs the feature `tls`",
                ),
            ),
            DENIED => (Kind::AccessDenied, Some(HOW_TO_GRANT)),
            "3D000" => (Kind::BadPath, Some("create the database first, or correct the URL")),
            "42P01" => (Kind::NoTables, Some(HOW_TO_MAKE)),
            "3F000" => {
                (Kind::NoTables, Some("create the schema that the search_path names, or correct the search_path"))
            }
            "25006" => return Self::read_only_server(place),
            "53100" => (Kind::Full, Some("make room on the server's disk; the store goes on by itself")),
            "53300" => {
                (Kind::Unreachable, Some("the server has no connection left: raise max_connections, or use fewer"))
            }
            "55P03" | "57014" => (Kind::Locked, Some("look for a transaction that is kept open, in pg_stat_activity")),
            // What names a statement that another session has prepared.
            "26000" | "42P05" => (
                Kind::Other,
                Some(
                    "a pooler that gives each transaction another session seems to stand in between: say so with \
                     PostgresOptions::behind_pooler(true)",
                ),
            ),
            // Poolers say nearly everything with this one.
            "08P01" => (
                Kind::Unreachable,
                Some(
                    "a startup parameter that a pooler does not take is to be left out of the URL, or named in \
                     pgbouncer's ignore_startup_parameters; anything else is for the pooler's log to explain",
                ),
            ),
            code if code.starts_with("57P") || code.starts_with("08") => {
                (Kind::Unreachable, Some("the store goes on by itself when the server is back"))
            }
            code if ["22", "23", "P0"].iter().any(|class| code.starts_with(class)) => (Kind::Refused, None),
            _ => (Kind::Other, None),
        };
        Self::new(kind, format!("{place}: {message}"), hint)
    }
}
