//! What a client says, in our words where we have better ones.

use std::error::Error;
use std::fmt;
use std::iter::successors;

use signalpost_dispatch::BoxError;
use signalpost_store::StoreError;

/// What a database refuses, and what to do about it.
struct Refusal {
    /// PostgreSQL's code; its messages come in the server's language. Empty for what SQLite says.
    code: &'static str,
    /// What stands in the message, for clients whose codes are not known here.
    says: &'static str,
    hint: &'static str,
}

/// The first that fits counts.
const REFUSALS: [Refusal; 10] = [
    Refusal {
        code: "",
        // SQLite's code for a transaction that has read, and wants to write after somebody else has.
        says: "(code: 517) database is locked",
        hint: "a transaction that reads before it sends must begin with signalpost::begin_immediate",
    },
    Refusal {
        code: "",
        says: "database is locked",
        hint: "somebody else has kept the write lock for longer than this connection waits: look for a transaction that is \
               kept open, or for a write beside the transaction that this very code holds",
    },
    Refusal { code: "", says: "attempt to write a readonly database", hint: "a send writes: open the file for that" },
    // PostgreSQL's statement on SQLite, and the other way round.
    Refusal { code: "", says: "syntax error", hint: OTHER_KIND },
    Refusal { code: "42883", says: "operator does not exist", hint: OTHER_KIND },
    Refusal {
        code: "25006",
        says: "in a read-only transaction",
        hint: "a send writes: begin without READ ONLY, and connect to the primary, not to a standby",
    },
    Refusal {
        code: "42501",
        says: "permission denied for",
        hint: "let the owner of signalpost's tables run the SQL of PostgresStore::grants_sql for this connection's role",
    },
    Refusal {
        code: "25P02",
        says: "current transaction is aborted",
        hint: "an earlier statement of this transaction has failed: roll it back, or go back to a savepoint",
    },
    Refusal {
        code: "40001",
        says: "could not serialize access",
        hint: "what somebody else has committed is in the way, and this transaction's isolation level does not let it see \
               that: roll it back, and run the whole of it again",
    },
    Refusal {
        code: "55P03",
        says: "due to lock timeout",
        hint: "a transaction that has made the same send is kept open: look for it in pg_stat_activity",
    },
];

const OTHER_KIND: &str = "this connection is to another kind of database than the installed store's";

/// How each client says PostgreSQL's code.
const CODES: &[fn(&(dyn Error + 'static)) -> Option<String>] = &[
    #[cfg(all(feature = "sqlx", feature = "postgres"))]
    super::sqlx::code,
    #[cfg(all(feature = "sea-orm", feature = "postgres"))]
    super::sea_orm::code,
];

/// A client's error, with what to do about it.
#[derive(Debug)]
struct Hinted {
    error: BoxError,
    hint: &'static str,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  hint: {}", said(&*self.error), self.hint)
    }
}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}

/// What a client says, in our words where we have better ones.
pub(crate) fn explained(error: BoxError) -> BoxError {
    let (code, text) = (CODES.iter().find_map(|code| code(&*error)), said(&*error));
    let is = |wanted, says| code.as_deref() == Some(wanted) || text.contains(says);
    if text.contains("no such table: signalpost_") {
        return StoreError::without_tables("the database of this connection").into();
    }
    if is("42P01", "ERROR: relation \"signalpost_") {
        return StoreError::without_tables("the database of this connection, where its search_path leads,").into();
    }
    match REFUSALS.iter().find(|refusal| is(refusal.code, refusal.says)) {
        Some(Refusal { hint, .. }) => Hinted { error, hint }.into(),
        None => error,
    }
}

/// The message, with those of its causes that it leaves out.
fn said(error: &(dyn Error + 'static)) -> String {
    let causes = successors(error.source(), |&error| error.source()).map(ToString::to_string);
    causes.fold(error.to_string(), |said, cause| if said.contains(&cause) { said } else { format!("{said}: {cause}") })
}
