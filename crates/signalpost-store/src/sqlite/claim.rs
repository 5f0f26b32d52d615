//! Taking tasks. Every function here runs in an open transaction.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::end::end_waiting;
use super::rows;
use super::thread::Outcome as Done;
use crate::{Claim, ClaimRequest, EndState, StoreError, Task, WorkerId};

const CLAIM: &str = include_str!("claim.sql");
const CLAIM_SUSPECT: &str = include_str!("claim_suspect.sql");
/// The most tasks whose time is over that one claim ends, so that it stays short.
const EXPIRE_AT_ONCE: i64 = 200;

pub(super) fn claim(connection: &Connection, worker: &WorkerId, request: &ClaimRequest, now: i64) -> Done<Claim> {
    let lease = connection
        .prepare_cached("SELECT 1 FROM signalpost_worker WHERE id = ?1")?
        .query_row([worker.as_str()], |_| Ok(()))
        .optional()?;
    lease.ok_or_else(|| StoreError::lease_lost(worker.as_str()))?;
    expire(connection, now)?;

    let queues = json!(request.queues).to_string();
    let mut claim = Claim { now, ..Claim::default() };
    if request.suspect {
        let mut statement = connection.prepare_cached(CLAIM_SUSPECT)?;
        claim.tasks = rows::tasks(&mut statement, params![worker.as_str(), queues, now])?;
        return Ok(claim);
    }
    for queue in &request.queues {
        claim_from(connection, worker, queue, request.limit, now, &mut claim.tasks)?;
    }
    claim.suspect_is_due = connection
        .prepare_cached(
            "SELECT 1 FROM signalpost_task INDEXED BY signalpost_task_suspect \
             WHERE worker IS NULL AND deaths >= 2 AND run_at <= ?2 \
               AND queue IN (SELECT value FROM json_each(?1)) LIMIT 1",
        )?
        .exists(params![queues, now])?;
    if claim.tasks.len() < request.limit {
        claim.next_due = next_due(connection, &request.queues, now)?;
    }
    Ok(claim)
}

/// Claims from one queue, one priority after the other: so a claim costs what it takes, however many tasks of
/// higher priority are waiting for a later time.
fn claim_from(
    connection: &Connection,
    worker: &WorkerId,
    queue: &str,
    limit: usize,
    now: i64,
    taken: &mut Vec<Task>,
) -> Done<()> {
    let mut below = None;
    while taken.len() < limit
        && let Some(priority) = next_priority(connection, queue, below)?
    {
        let room = i64::try_from(limit - taken.len()).unwrap_or(i64::MAX);
        let mut statement = connection.prepare_cached(CLAIM)?;
        let mut tasks = rows::tasks(&mut statement, params![worker.as_str(), queue, priority, now, room])?;
        // RETURNING promises no order.
        tasks.sort_by_key(|task| (task.run_at, task.id));
        taken.append(&mut tasks);
        below = Some(priority);
    }
    Ok(())
}

fn next_priority(connection: &Connection, queue: &str, below: Option<i64>) -> Done<Option<i64>> {
    Ok(connection
        .prepare_cached(
            "SELECT priority FROM signalpost_task INDEXED BY signalpost_task_waiting \
             WHERE worker IS NULL AND deaths < 2 AND queue = ?1 AND priority < ?2 \
             ORDER BY priority DESC LIMIT 1",
        )?
        .query_row(params![queue, below.unwrap_or(i64::MAX)], |row| row.get(0))
        .optional()?)
}

fn next_due(connection: &Connection, queues: &[String], now: i64) -> Done<Option<Duration>> {
    let mut soonest: Option<i64> = None;
    let mut first = connection.prepare_cached(
        "SELECT run_at FROM signalpost_task INDEXED BY signalpost_task_waiting \
         WHERE worker IS NULL AND deaths < 2 AND queue = ?1 AND priority = ?2 ORDER BY run_at LIMIT 1",
    )?;
    for queue in queues {
        let mut below = None;
        while let Some(priority) = next_priority(connection, queue, below)? {
            let run_at: i64 = first.query_row(params![queue, priority], |row| row.get(0))?;
            soonest = Some(soonest.map_or(run_at, |soonest| soonest.min(run_at)));
            below = Some(priority);
        }
    }
    let suspect: Option<i64> = connection
        .prepare_cached(
            "SELECT run_at FROM signalpost_task INDEXED BY signalpost_task_suspect \
             WHERE worker IS NULL AND deaths >= 2 AND run_at > ?2 \
               AND queue IN (SELECT value FROM json_each(?1)) \
             ORDER BY run_at LIMIT 1",
        )?
        .query_row(params![json!(queues).to_string(), now], |row| row.get(0))
        .optional()?;
    let soonest = [soonest, suspect].into_iter().flatten().min();
    Ok(soonest.map(|run_at| Duration::from_millis(u64::try_from(run_at - now).unwrap_or(0))))
}

fn expire(connection: &Connection, now: i64) -> Done<()> {
    let over = connection
        .prepare_cached(
            "SELECT id FROM signalpost_task INDEXED BY signalpost_task_expiring \
             WHERE worker IS NULL AND expires_at IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2",
        )?
        .query_map([now, EXPIRE_AT_ONCE], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    if !over.is_empty() {
        end_waiting(connection, &over, EndState::Expired, "nobody had started it when its time was over", now)?;
    }
    Ok(())
}
