//! Writing tasks, and what workers publish.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::thread::Outcome as Done;
use crate::{NewTask, PublishedReceiver, StoreError, TaskId};

pub(super) const INSERT: &str = include_str!("insert.sql");

pub(super) fn insert(connection: &Connection, json: &str, count: usize) -> Done<Vec<TaskId>> {
    connection.prepare_cached(INSERT)?.execute([json])?;
    // One statement takes its numbers from the sequence in a row, and no other connection can write meanwhile.
    let last = connection.last_insert_rowid();
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok((last - count + 1..=last).map(TaskId).collect())
}

/// As [`insert`], where some of the tasks may be there already.
pub(super) fn insert_once(connection: &Connection, json: &str, tasks: &[NewTask]) -> Done<Vec<TaskId>> {
    let written = connection.prepare_cached(INSERT)?.execute([json])?;
    let last = connection.last_insert_rowid();
    let first = last - i64::try_from(written).unwrap_or(i64::MAX) + 1;
    let once = tasks.iter().map(|task| if task.once { find_sent(connection, task) } else { Ok(None) });
    let once = once.collect::<Done<Vec<_>>>()?;
    let taken: HashSet<i64> = once.iter().flatten().copied().collect();
    let mut others = (first..=last).filter(|number| !taken.contains(number));
    let numbers = once.into_iter().map(|number| number.or_else(|| others.next()).map(TaskId));
    numbers.collect::<Option<_>>().ok_or_else(|| StoreError::other("a task that was written is not there").into())
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
