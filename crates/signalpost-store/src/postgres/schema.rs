//! The tables: found, created, and checked.

use sqlx::Row;

use super::failure::Outcome;
use super::session::Session;
use super::statements::{Statements, in_schema, quoted};
use crate::StoreError;

/// What this program knows.
pub(super) const VERSION: i64 = 1;
const TABLES: &str = include_str!("../../schema/postgres/v1.sql");
/// The oldest server: what came before does not know all that the statements use, or is not mended any more.
const SERVER: i64 = 150_000;

/// The tables as SQL, for people's own tools of migration.
pub(super) fn sql(schema: Option<&str>) -> String {
    match schema {
        None => TABLES.to_owned(),
        Some(schema) => {
            let schema = quoted(schema);
            let tables = TABLES.replace("CREATE INDEX signalpost_", "CREATE INDEX @");
            let tables = tables.replace("signalpost_", &format!("{schema}.signalpost_"));
            format!(
                "CREATE SCHEMA IF NOT EXISTS {schema};\n\n{}",
                tables.replace("CREATE INDEX @", "CREATE INDEX signalpost_")
            )
        }
    }
}

/// Makes sure that there are tables, and that this program may work on them.
pub(super) async fn prepare(
    session: &mut Session,
    statements: &Statements,
    schema: Option<&str>,
    creates: bool,
    place: &str,
) -> Outcome<()> {
    let server = session.number("SELECT current_setting('server_version_num')::bigint").await?;
    if server < SERVER {
        return Err(StoreError::old_server(place, server / 10_000).into());
    }
    if session.number("SELECT (current_setting('transaction_read_only') = 'on')::int::bigint").await? == 1 {
        return Err(StoreError::read_only_server(place).into());
    }
    if !exists(session, schema).await? {
        if !creates {
            return Err(StoreError::without_schema(place).into());
        }
        create(session, schema).await.map_err(|failure| match failure {
            super::failure::Failure::Postgres(sqlx::Error::Database(error))
                if error.code().as_deref() == Some("42501") =>
            {
                StoreError::may_not_create(place, error.message()).into()
            }
            other => other,
        })?;
    }
    let row = session.one(&statements.version, |it| it).await?;
    let (version, works_with): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    // A newer program's changes may concern older ones or not: the tables say so.
    if version > VERSION && works_with > VERSION {
        return Err(StoreError::newer_schema(place, version, VERSION).into());
    }
    Ok(())
}

async fn exists(session: &mut Session, schema: Option<&str>) -> Outcome<bool> {
    let table = in_schema("SELECT to_regclass('signalpost_schema') IS NOT NULL", schema);
    Ok(session.one(&table.into(), |it| it).await?.try_get(0)?)
}

async fn create(session: &mut Session, schema: Option<&str>) -> Outcome<()> {
    let tables = sql(schema);
    let created = session
        .transaction(async |session| {
            // Several programs may start at once: the others wait for the first. The number is nothing but a number that
            // nobody else is likely to use.
            session.batch("SELECT pg_advisory_xact_lock(7307199747209)").await?;
            session.batch(&tables).await
        })
        .await;
    match created {
        // The others' sessions may believe what they knew of names before they waited, so they are asked afterwards.
        Err(failure) if !failure.is_broken() && exists(session, schema).await? => Ok(()),
        created => created,
    }
}
