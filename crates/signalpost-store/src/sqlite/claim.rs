//! Taking tasks. Every function here runs in an open transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::end::end_waiting;
use super::rows;
use super::thread::Outcome as Done;
use crate::{Claim, ClaimRequest, EndState, QueueShare, StoreError, Task, WorkerId};

/// Whether the worker has a lease, any task's time is over, and a suspect is due.
const FIRST_LOOK: &str = "SELECT EXISTS (SELECT 1 FROM signalpost_worker WHERE id = ?1), \
     EXISTS (SELECT 1 FROM signalpost_task INDEXED BY signalpost_task_expiring \
             WHERE worker IS NULL AND expires_at IS NOT NULL AND expires_at <= ?3), \
     EXISTS (SELECT 1 FROM signalpost_task INDEXED BY signalpost_task_suspect \
             WHERE worker IS NULL AND deaths >= 2 AND run_at <= ?3 AND queue IN (SELECT value FROM json_each(?2)))";
const CLAIM: &str = include_str!("claim.sql");
const CLAIM_LIMITED: &str = include_str!("claim_limited.sql");
const CLAIM_SUSPECT: &str = include_str!("claim_suspect.sql");
/// The most tasks whose time is over that one claim ends, so that it stays short.
const EXPIRE_AT_ONCE: i64 = 200;
/// How many tasks a claim looks at, in each priority of a queue, to get past those of receivers of which none is wanted.
const LOOK_PAST: i64 = 2_000;

pub(super) fn claim(connection: &Connection, worker: &WorkerId, request: &ClaimRequest, now: i64) -> Done<Claim> {
    let names: Vec<&str> = request.queues.iter().map(|share| &*share.queue).collect();
    let names_json = json!(names).to_string();
    let (is_leased, is_any_over, suspect_is_due): (bool, bool, bool) = connection
        .prepare_cached(FIRST_LOOK)?
        .query_row(params![worker.as_str(), names_json, now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if !is_leased {
        return Err(StoreError::lease_lost(worker.as_str()).into());
    }
    if is_any_over {
        expire(connection, now)?;
    }
    let mut claim = Claim { suspect_is_due, now, ..Claim::default() };
    if request.suspect {
        let mut statement = connection.prepare_cached(CLAIM_SUSPECT)?;
        claim.tasks = rows::tasks(&mut statement, params![worker.as_str(), names_json, now])?;
        claim.suspect_is_due = false;
        return Ok(claim);
    }
    let mut taking = Taking { connection, worker, limited: request.limited.clone(), now };
    let mut taken: Vec<Taken> = request.queues.iter().map(|_| Taken::default()).collect();
    // By their shares first; then what some have left goes to those that have more.
    for round in [|share: &QueueShare| share.share.min(share.most), |share: &QueueShare| share.most] {
        for (share, taken) in request.queues.iter().zip(&mut taken) {
            let wanted = round(share).saturating_sub(taken.tasks).min(request.limit - claim.tasks.len());
            // Who has not had a whole share has no more.
            let may_have = taken.tasks == 0 || taken.tasks >= share.share;
            if wanted > 0 && may_have {
                taking.from(&share.queue, wanted, taken, &mut claim.tasks)?;
            }
        }
    }
    if claim.tasks.len() < request.limit {
        let open = request.queues.iter().zip(&taken).filter(|(share, taken)| taken.tasks < share.most);
        // Of what was passed over all may be due, and asking again at once would find the same.
        let after = if request.limited.is_empty() { i64::MIN } else { now };
        claim.next_due = next_due(connection, open, &names_json, after, now)?;
    }
    Ok(claim)
}

/// What all parts of one claim have in common.
struct Taking<'a> {
    connection: &'a Connection,
    worker: &'a WorkerId,
    /// How many more tasks may be had of each.
    limited: BTreeMap<String, usize>,
    now: i64,
}

impl Taking<'_> {
    /// Takes from one queue, one priority after the other: so a claim costs what it takes, however many tasks of higher
    /// priority are waiting for a later time.
    fn from(&mut self, queue: &str, limit: usize, taken: &mut Taken, claimed: &mut Vec<Task>) -> Done<()> {
        let mut left = limit;
        taken.priorities.clear();
        while left > 0
            && let Some(priority) = next_priority(self.connection, queue, taken.priorities.last().copied())?
        {
            let room = i64::try_from(left).unwrap_or(i64::MAX);
            let worker = self.worker.as_str();
            let mut tasks = if self.limited.is_empty() {
                let mut statement = self.connection.prepare_cached(CLAIM)?;
                rows::tasks(&mut statement, params![worker, queue, priority, self.now, room])?
            } else {
                let is_any_full = self.limited.values().any(|left| *left == 0);
                let look_at = if is_any_full { LOOK_PAST.max(room) } else { room.saturating_mul(2) };
                let limited = json!(self.limited).to_string();
                let mut statement = self.connection.prepare_cached(CLAIM_LIMITED)?;
                rows::tasks(&mut statement, params![worker, queue, priority, self.now, room, limited, look_at])?
            };
            for task in &tasks {
                if let Some(left) = self.limited.get_mut(&task.receiver) {
                    *left = left.saturating_sub(1);
                }
            }
            // RETURNING promises no order.
            tasks.sort_by_key(|task| (task.run_at, task.id));
            left -= tasks.len();
            claimed.append(&mut tasks);
            taken.priorities.push(priority);
        }
        taken.tasks += limit - left;
        Ok(())
    }
}

/// What was had of one queue.
#[derive(Default)]
struct Taken {
    tasks: usize,
    // Where they were looked for: all that the queue has, if there were too few.
    priorities: Vec<i64>,
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

fn next_due<'a>(
    connection: &Connection,
    queues: impl Iterator<Item = (&'a QueueShare, &'a Taken)>,
    names_json: &str,
    after: i64,
    now: i64,
) -> Done<Option<Duration>> {
    let mut soonest: Option<i64> = None;
    let mut first = connection.prepare_cached(
        "SELECT run_at FROM signalpost_task INDEXED BY signalpost_task_waiting \
         WHERE worker IS NULL AND deaths < 2 AND queue = ?1 AND priority = ?2 AND run_at > ?3 ORDER BY run_at LIMIT 1",
    )?;
    for (share, taken) in queues {
        for priority in &taken.priorities {
            let run_at: Option<i64> =
                first.query_row(params![share.queue, priority, after], |row| row.get(0)).optional()?;
            soonest = [soonest, run_at].into_iter().flatten().min();
        }
    }
    let suspect: Option<i64> = connection
        .prepare_cached(
            "SELECT run_at FROM signalpost_task INDEXED BY signalpost_task_suspect \
             WHERE worker IS NULL AND deaths >= 2 AND run_at > ?2 \
               AND queue IN (SELECT value FROM json_each(?1)) \
             ORDER BY run_at LIMIT 1",
        )?
        .query_row(params![names_json, now], |row| row.get(0))
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
