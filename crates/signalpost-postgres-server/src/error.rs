//! What can go wrong with a server.

use std::fmt;
use std::io;

/// Why there is no server, or why it did not do what it was told; on a second line what can be done about it, where
/// something can.
#[derive(Clone)]
pub struct ServerError {
    is_missing: bool,
    message: String,
    hint: Option<&'static str>,
}

impl ServerError {
    /// PostgreSQL, the pooler or what a network takes is not there, or only a PostgreSQL that is too old. Everything else is
    /// a failure of one that is.
    pub fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// What is wrong, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What can be done about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }

    pub(crate) fn missing() -> Self {
        Self {
            is_missing: true,
            message: "PostgreSQL 15 or newer is neither in the PATH nor in /usr/lib/postgresql".to_owned(),
            hint: Some("apt-get install postgresql, or put the directory of its initdb and pg_ctl into the PATH"),
        }
    }

    pub(crate) fn without_pgbouncer() -> Self {
        Self {
            is_missing: true,
            message: "pgbouncer is neither in the PATH nor in /usr/sbin".to_owned(),
            hint: Some("apt-get install pgbouncer"),
        }
    }

    pub(crate) fn without_namespaces(why: &str) -> Self {
        let hint = Some(
            "run it as root with iproute2 (apt-get install iproute2); a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN",
        );
        Self { is_missing: true, message: why.to_owned(), hint }
    }

    /// A program failed and said why.
    pub(crate) fn failed(what: &str, said: &str) -> Self {
        Self { is_missing: false, message: format!("{what} failed: {}", said.trim()), hint: None }
    }

    pub(crate) fn input_or_output(what: &str, error: &io::Error) -> Self {
        Self::failed(what, &error.to_string())
    }

    /// It could not be installed: it is still missing.
    pub(crate) fn not_installed(self) -> Self {
        Self { is_missing: true, hint: self.hint.or(Self::missing().hint), ..self }
    }

    pub(crate) fn with_details(self, details: &str) -> Self {
        Self { message: format!("{}\n{details}", self.message), ..self }
    }

    pub(crate) fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// As it is displayed: a `main` that returns the error shows this.
impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ServerError {}
