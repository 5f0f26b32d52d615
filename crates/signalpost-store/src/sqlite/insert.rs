//! Writing tasks, and what workers publish.

use std::borrow::Cow;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::thread::Outcome as Done;
use crate::column::columns;
use crate::{Column, NewTask, PublishedReceiver, TaskId};

/// The outbox's.
pub(super) const INSERT: &str = include_str!("insert.sql");
pub(super) const INSERT_ONCE: &str = concat!(include_str!("insert.sql"), include_str!("insert_once.sql"));
pub(super) const INSERT_ROW: &str = include_str!("insert_row.sql");

impl ToSql for Column<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Column::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Column::Integer(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Column::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// Writes tasks, with their headers as they are stored. Of one that is to be written once and is there already, the
/// number.
pub(super) fn insert<'a>(
    connection: &Connection,
    tasks: impl Iterator<Item = (&'a NewTask, &'a Cow<'static, str>)>,
    now: i64,
) -> Done<Vec<TaskId>> {
    let mut statement = connection.prepare_cached(INSERT_ROW)?;
    let mut ids = Vec::new();
    for (task, headers) in tasks {
        if task.once
            && let Some(id) = find_sent(connection, task)?
        {
            ids.push(TaskId(id));
            continue;
        }
        statement.execute(params_from_iter(columns(task, &**headers, now)))?;
        ids.push(TaskId(connection.last_insert_rowid()));
    }
    Ok(ids)
}

fn find_sent(connection: &Connection, task: &NewTask) -> Done<Option<i64>> {
    Ok(connection
        .prepare_cached(
            "SELECT id FROM signalpost_task WHERE send_id = ?1 AND signal = ?2 AND receiver = ?3 UNION ALL \
             SELECT id FROM signalpost_history WHERE send_id = ?1 AND signal = ?2 AND receiver = ?3 LIMIT 1",
        )?
        .query_row(params![task.send_id.to_string(), task.signal, task.receiver], |row| row.get(0))
        .optional()?)
}

pub(super) fn publish(connection: &Connection, receivers: &[PublishedReceiver], now: i64) -> Done<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO signalpost_receiver (name, signal, queue, published_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (name, signal) DO UPDATE SET queue = ?3, published_at = ?4",
    )?;
    for receiver in receivers {
        statement.execute(params![receiver.name, receiver.signal, receiver.queue, now])?;
    }
    Ok(())
}

pub(super) fn published(connection: &Connection, after: i64) -> Done<Vec<PublishedReceiver>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, signal, queue FROM signalpost_receiver WHERE published_at >= ?1 ORDER BY name, signal",
    )?;
    let rows = statement.query_map([after], |row| {
        Ok(PublishedReceiver { name: row.get(0)?, signal: row.get(1)?, queue: row.get(2)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
