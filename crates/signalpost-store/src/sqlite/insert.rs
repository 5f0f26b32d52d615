//! Writing tasks, and what workers publish.

use rusqlite::{Connection, params};

use super::thread::Outcome as Done;
use crate::{PublishedReceiver, TaskId};

pub(super) const INSERT: &str = include_str!("insert.sql");
pub(super) fn insert(connection: &Connection, json: &str, count: usize) -> Done<Vec<TaskId>> {
    connection.prepare_cached(INSERT)?.execute([json])?;
    // One statement takes its numbers from the sequence in a row, and no other connection can write meanwhile.
    let last = connection.last_insert_rowid();
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok((last - count + 1..=last).map(TaskId).collect())
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
