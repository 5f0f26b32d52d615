//! The databases that the tests run on.

use std::fmt;
use std::process::Command;

use signalpost_postgres_server::TEST_POSTGRES;

/// One that Django can be told to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database<'a> {
    /// In memory.
    Sqlite,
    /// The server of this URL.
    Postgres(&'a str),
}

impl fmt::Display for Database<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if *self == Database::Sqlite { "SQLite" } else { "PostgreSQL" })
    }
}

impl<'a> Database<'a> {
    /// All there are: PostgreSQL where there is a URL.
    pub(crate) fn all(postgres: Option<&'a str>) -> Vec<Self> {
        std::iter::once(Database::Sqlite).chain(postgres.map(Database::Postgres)).collect()
    }

    /// Tells the settings of the tests which one to use.
    pub(crate) fn tell(self, command: &mut Command) {
        match self {
            Database::Sqlite => command.env("SIGNALPOST_TEST_DATABASE", "sqlite").env_remove(TEST_POSTGRES),
            Database::Postgres(url) => command.env("SIGNALPOST_TEST_DATABASE", "postgres").env(TEST_POSTGRES, url),
        };
    }
}
