//! The tables: found, created, and checked; and the SQL for those who make them by other means.

use super::failure::Outcome;
use super::session::{Session, Sessions};
use super::statements::{Statements, in_schema, quoted};
use crate::StoreError;
use crate::schema_version::SchemaVersion;
use sqlx::Row;

const TABLES: &str = include_str!("../../schema/postgres/v1.sql");
const GRANTS: &str = include_str!("../../schema/postgres/grants.sql");
/// The oldest server: what came before does not know all that the statements use, or is not mended any more.
const SERVER: i64 = 150_000;
/// PostgreSQL cuts longer names off.
const LONGEST_NAME: usize = 63;

/// The tables as SQL, for people's own tools of migration.
pub(super) fn sql(schema: Option<&str>) -> String {
    match schema {
        Some(name) => format!("CREATE SCHEMA IF NOT EXISTS {};\n\n{}", quoted(name), tables(schema)),
        None => tables(None),
    }
}

/// An index is made where its table is, and its name stands alone.
fn tables(schema: Option<&str>) -> String {
    let tables: Vec<String> = TABLES.split("CREATE INDEX signalpost_").map(|part| in_schema(part, schema)).collect();
    tables.join("CREATE INDEX signalpost_")
}

/// What the role needs that runs, as SQL.
pub(super) fn grants(schema: Option<&str>, role: &str) -> String {
    let role = quoted(role);
    let usage = match schema {
        Some(schema) => format!("GRANT USAGE ON SCHEMA {} TO {role};\n", quoted(schema)),
        None => "-- And USAGE on the schema of the tables, unless that is public.\n".to_owned(),
    };
    let on_tables: Vec<String> = GRANTS.split("@role").map(|part| in_schema(part, schema)).collect();
    usage + &on_tables.join(&role)
}

pub(super) fn check_name(schema: &str) -> Result<(), StoreError> {
    match schema.len() {
        0 => Err(StoreError::bad_schema(schema, "it is empty")),
        bytes if bytes > LONGEST_NAME => {
            let why = format!("it has {bytes} bytes; {LONGEST_NAME} are allowed");
            Err(StoreError::bad_schema(schema, &why))
        }
        _ if schema.contains('\0') => Err(StoreError::bad_schema(schema, "it holds the character NUL")),
        _ => Ok(()),
    }
}

/// Makes sure that there are tables, and that this program may work on them.
pub(super) async fn prepare(
    sessions: &Sessions,
    statements: &Statements,
    schema: Option<&str>,
    creates: bool,
    place: &str,
) -> Result<(), StoreError> {
    let look = async |session: &mut Session| {
        check_server(session.number("SELECT current_setting('server_version_num')::bigint").await?, place)?;
        if session.number("SELECT (current_setting('transaction_read_only') = 'on')::int::bigint").await? == 1 {
            return Err(StoreError::read_only_server(place).into());
        }
        exists(session, schema).await
    };
    if !sessions.call(look).await? {
        if !creates {
            return Err(StoreError::without_schema(place, schema));
        }
        sessions.transact(async |session| create(session, schema, place).await).await?;
    }
    let check = async |session: &mut Session| {
        let Some(row) = session.optional(&statements.version, |it| it).await? else {
            return Err(StoreError::half_made(place).into());
        };
        SchemaVersion { version: row.try_get(0)?, works_with: row.try_get(1)? }.check(place)?;
        Ok(())
    };
    sessions.call(check).await
}

fn check_server(version: i64, place: &str) -> Result<(), StoreError> {
    if version < SERVER { Err(StoreError::old_server(place, version / 10_000)) } else { Ok(()) }
}

async fn exists(session: &mut Session, schema: Option<&str>) -> Outcome<bool> {
    let table = in_schema("SELECT to_regclass('signalpost_schema') IS NOT NULL", schema);
    Ok(session.one(&table.into(), |it| it).await?.try_get(0)?)
}

async fn create(session: &mut Session, schema: Option<&str>, place: &str) -> Outcome<()> {
    // Several programs may start at once: the second one finds what the first has made. The number is nothing but a number
    // that nobody else is likely to use.
    session.batch("SELECT pg_advisory_xact_lock(7307199747209)").await?;
    // The session still believes that they are missing, until it locks a table.
    session.batch("SELECT FROM pg_class LIMIT 0").await?;
    if exists(session, schema).await? {
        return Ok(());
    }
    let create = async {
        // Who may create tables in a schema need not be allowed to create the schema.
        if let Some(name) = schema.map(quoted) {
            let is_missing = "SELECT to_regnamespace($1) IS NULL".into();
            if session.one(&is_missing, |it| it.bind(name.clone())).await?.try_get(0)? {
                session.batch(&format!("CREATE SCHEMA {name}")).await?;
            }
        }
        session.batch(&tables(schema)).await
    };
    create.await.map_err(|failure| match failure.denial() {
        Some(why) => StoreError::may_not_create(place, why).into(),
        None => failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_is_refused_by_name() {
        check_server(150_000, "here").unwrap();
        let error = check_server(140_019, "PostgreSQL at db:5432, database `news`").unwrap_err();
        assert!(error.is_old_server() && !error.is_transient());
        let message = error.to_string();
        assert!(message.contains("database `news`: the server is PostgreSQL 14\n  hint: "), "{message}");
        assert!(message.contains("15 or newer"), "{message}");
    }

    /// Tools of migration may take the file apart by its semicolons.
    #[test]
    fn a_semicolon_ends_a_statement_and_stands_nowhere_else() {
        for sql in [sql(None), sql(Some("background")), grants(None, "runner")] {
            for line in sql.lines() {
                let is_comment = line.trim_start().starts_with("--");
                assert_eq!(line.contains(';'), !is_comment && line.ends_with(';'), "{line}");
                assert!(line.matches(';').count() <= 1, "{line}");
            }
        }
    }
}
