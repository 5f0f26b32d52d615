//! What has ended: counting it, forgetting it, and trying it again.

use rusqlite::{Connection, OptionalExtension, params};

use super::thread::Outcome as Done;
use crate::clock::millis;
use crate::{Counts, PruneRequest, PrunedQueues, StoreError, TaskId};

const RETRY: &str = include_str!("retry.sql");

pub(super) fn retry(connection: &Connection, task: TaskId, now: i64) -> Done<bool> {
    let retried = connection.prepare_cached(RETRY)?.execute([task.0, now])? == 1;
    if retried {
        connection.prepare_cached("DELETE FROM signalpost_history WHERE id = ?1")?.execute([task.0])?;
    }
    Ok(retried)
}

pub(super) fn prune(connection: &Connection, request: &PruneRequest, now: i64) -> Done<usize> {
    let before = now.saturating_sub(millis(request.older_than));
    let mut forgotten = 0;
    let mut forget = |queue: &str| -> Done<bool> {
        let room = i64::try_from(request.limit - forgotten).unwrap_or(i64::MAX);
        forgotten += connection
            .prepare_cached(
                "DELETE FROM signalpost_history WHERE id IN (\
                     SELECT id FROM signalpost_history INDEXED BY signalpost_history_ended \
                     WHERE queue = ?1 AND state = ?2 AND finished_at <= ?3 ORDER BY finished_at LIMIT ?4)",
            )?
            .execute(params![queue, request.state.as_str(), before, room])?;
        Ok(forgotten < request.limit)
    };
    match &request.queues {
        PrunedQueues::Only(queue) => drop(forget(queue)?),
        PrunedQueues::AllBut(others) => {
            let mut queue = String::new();
            let mut next_queue = connection
                .prepare_cached("SELECT queue FROM signalpost_history WHERE queue > ?1 ORDER BY queue LIMIT 1")?;
            while let Some(found) = next_queue.query_row([&queue], |row| row.get(0)).optional()? {
                queue = found;
                if !others.contains(&queue) && !forget(&queue)? {
                    break;
                }
            }
        }
    }
    Ok(forgotten)
}

pub(super) fn counts(connection: &Connection) -> Done<Counts> {
    let count =
        |sql: &str| connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let mut counts = Counts {
        waiting: count("SELECT count(*) FROM signalpost_task WHERE worker IS NULL")?,
        running: count("SELECT count(*) FROM signalpost_task WHERE worker IS NOT NULL")?,
        ..Counts::default()
    };
    let mut statement =
        connection.prepare_cached("SELECT state, sum(tasks) FROM (SELECT queue, state, count(*) AS tasks FROM signalpost_history GROUP BY queue, state) GROUP BY state")?;
    let ended = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    for row in ended {
        let (state, count) = row?;
        counts.ended.insert(state.parse().map_err(StoreError::other)?, count);
    }
    Ok(counts)
}
