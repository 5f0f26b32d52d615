//! The SQL of both stores as texts, for clients that bring a connection of their own and speak another language.
//!
//! These are the texts that the stores themselves run, and some for whoever writes one task at a time. Nothing here needs a
//! feature or a database. Tables stand by their names alone: the connection's `search_path` finds them.
//!
//! ```
//! use signalpost_store::sql;
//!
//! assert!(sql::SQLITE.schema.starts_with("-- Schema v1 for SQLite"));
//! assert!(sql::POSTGRES.insert.contains("json_to_recordset($1::text::json)"));
//! ```

/// The statements of one dialect. Parameters are numbered: `?1` for SQLite, `$1` for PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statements {
    /// Creates the tables of schema v1. Several statements; a semicolon ends each and stands nowhere else.
    pub schema: &'static str,
    /// Writes tasks. Its one parameter is a JSON array with an object for each task.
    pub insert: &'static str,
    /// Writes one task that is due at once, with a parameter for each of: `send_id`, `signal`, `sender`, `receiver`,
    /// `queue`, `priority`, `payload`, `headers`, `parent`, `depth`, and for a time, twice. On SQLite that is the time of the
    /// send, as whoever is there has the file's clock. On PostgreSQL it is sent when the server says, and not before that time;
    /// when that was, is returned.
    pub insert_one: &'static str,
    /// As [`insert_one`](Self::insert_one) on SQLite, on both: nobody is notified, and the sender says what time it is. On
    /// PostgreSQL that is for who has asked the server a moment ago.
    pub insert_one_quiet: &'static str,
    /// As [`insert_one_quiet`](Self::insert_one_quiet), of a task as most are: of priority 0, without headers, and sent by no
    /// other task. Its parameters are `send_id`, `signal`, `sender`, `receiver`, `queue`, `payload`, and a time, twice.
    pub insert_plain: &'static str,
    /// Records the success of a claimed task in the client's own transaction. Its one parameter is a JSON object that
    /// names the claim: `id`, `worker` and `fence`. It moves one row, or none where the claim was overtaken; then nothing
    /// may be committed.
    pub complete: &'static str,
    /// Follows [`complete`](Self::complete) in the same transaction, with the same parameter.
    pub complete_delete: &'static str,
}

/// For SQLite 3.37 and newer.
pub const SQLITE: Statements = Statements {
    schema: include_str!("../schema/sqlite/v1.sql"),
    insert: include_str!("sqlite/insert.sql"),
    insert_one: include_str!("sqlite/insert_one.sql"),
    // Nobody is notified there.
    insert_one_quiet: include_str!("sqlite/insert_one.sql"),
    insert_plain: include_str!("sqlite/insert_plain.sql"),
    complete: include_str!("sqlite/complete.sql"),
    complete_delete: include_str!("sqlite/complete_delete.sql"),
};

/// For PostgreSQL 15 and newer.
pub const POSTGRES: Statements = Statements {
    schema: include_str!("../schema/postgres/v1.sql"),
    insert: include_str!("postgres/insert.sql"),
    insert_one: include_str!("postgres/insert_one.sql"),
    insert_one_quiet: include_str!("postgres/insert_one_quiet.sql"),
    insert_plain: include_str!("postgres/insert_plain.sql"),
    complete: include_str!("postgres/complete.sql"),
    complete_delete: include_str!("postgres/complete_delete.sql"),
};
