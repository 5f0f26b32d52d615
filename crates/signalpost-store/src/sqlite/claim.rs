//! Taking tasks. Every function here runs in an open transaction.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::end::end_waiting;
use super::rows;
use super::thread::Outcome as Done;
use crate::{Claim, ClaimRequest, EndState, QueueShare, StoreError, Task, WorkerId};

const CLAIM: &str = include_str!("claim.sql");
const CLAIM_EXCEPT: &str = include_str!("claim_except.sql");
const CLAIM_SUSPECT: &str = include_str!("claim_suspect.sql");
/// The most tasks whose time is over that one claim ends, so that it stays short.
const EXPIRE_AT_ONCE: i64 = 200;
/// How many tasks a claim looks at, in each priority of a queue, to get past those of excepted receivers.
const LOOK_PAST: i64 = 2_000;

pub(super) fn claim(connection: &Connection, worker: &WorkerId, request: &ClaimRequest, now: i64) -> Done<Claim> {
    let lease = connection
        .prepare_cached("SELECT 1 FROM signalpost_worker WHERE id = ?1")?
        .query_row([worker.as_str()], |_| Ok(()))
        .optional()?;
    lease.ok_or_else(|| StoreError::lease_lost(worker.as_str()))?;
    expire(connection, now)?;

    let names: Vec<&str> = request.queues.iter().map(|share| &*share.queue).collect();
    let names_json = json!(names).to_string();
    let mut claim = Claim { now, ..Claim::default() };
    if request.suspect {
        let mut statement = connection.prepare_cached(CLAIM_SUSPECT)?;
        claim.tasks = rows::tasks(&mut statement, params![worker.as_str(), names_json, now])?;
        return Ok(claim);
    }
    let except = (!request.except.is_empty()).then(|| json!(request.except).to_string());
    let taking = Taking { connection, worker, except: except.as_deref(), now };
    let mut taken = vec![0; request.queues.len()];
    // By their shares first; then what some have left goes to those that have more.
    for round in [|share: &QueueShare| share.share.min(share.most), |share: &QueueShare| share.most] {
        for (share, taken) in request.queues.iter().zip(&mut taken) {
            let wanted = round(share).saturating_sub(*taken).min(request.limit - claim.tasks.len());
            // Who has not had a whole share has no more.
            let may_have = *taken == 0 || *taken >= share.share;
            if wanted > 0 && may_have {
                *taken += taking.from(&share.queue, wanted, &mut claim.tasks)?;
            }
        }
    }
    claim.suspect_is_due = connection
        .prepare_cached(
            "SELECT 1 FROM signalpost_task INDEXED BY signalpost_task_suspect \
             WHERE worker IS NULL AND deaths >= 2 AND run_at <= ?2 \
               AND queue IN (SELECT value FROM json_each(?1)) LIMIT 1",
        )?
        .exists(params![names_json, now])?;
    if claim.tasks.len() < request.limit {
        let open = request.queues.iter().zip(taken).filter(|(share, taken)| *taken < share.most);
        let open: Vec<&str> = open.map(|(share, _)| &*share.queue).collect();
        // Of what was passed over all may be due, and asking again at once would find the same.
        let after = if except.is_some() { now } else { i64::MIN };
        claim.next_due = next_due(connection, &open, after, now)?;
    }
    Ok(claim)
}

/// What all parts of one claim have in common.
struct Taking<'a> {
    connection: &'a Connection,
    worker: &'a WorkerId,
    except: Option<&'a str>,
    now: i64,
}

impl Taking<'_> {
    /// Takes from one queue, one priority after the other: so a claim costs what it takes, however many tasks of higher
    /// priority are waiting for a later time.
    fn from(&self, queue: &str, limit: usize, claimed: &mut Vec<Task>) -> Done<usize> {
        let mut below = None;
        let mut taken = 0;
        while taken < limit
            && let Some(priority) = next_priority(self.connection, queue, below)?
        {
            let room = i64::try_from(limit - taken).unwrap_or(i64::MAX);
            let mut tasks = match self.except {
                None => {
                    let mut statement = self.connection.prepare_cached(CLAIM)?;
                    rows::tasks(&mut statement, params![self.worker.as_str(), queue, priority, self.now, room])?
                }
                Some(except) => {
                    let mut statement = self.connection.prepare_cached(CLAIM_EXCEPT)?;
                    let worker = self.worker.as_str();
                    rows::tasks(&mut statement, params![worker, queue, priority, self.now, room, except, LOOK_PAST])?
                }
            };
            // RETURNING promises no order.
            tasks.sort_by_key(|task| (task.run_at, task.id));
            taken += tasks.len();
            claimed.append(&mut tasks);
            below = Some(priority);
        }
        Ok(taken)
    }
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

fn next_due(connection: &Connection, queues: &[&str], after: i64, now: i64) -> Done<Option<Duration>> {
    let mut soonest: Option<i64> = None;
    let mut first = connection.prepare_cached(
        "SELECT run_at FROM signalpost_task INDEXED BY signalpost_task_waiting \
         WHERE worker IS NULL AND deaths < 2 AND queue = ?1 AND priority = ?2 AND run_at > ?3 ORDER BY run_at LIMIT 1",
    )?;
    for queue in queues {
        let mut below = None;
        while let Some(priority) = next_priority(connection, queue, below)? {
            let run_at: Option<i64> = first.query_row(params![queue, priority, after], |row| row.get(0)).optional()?;
            soonest = [soonest, run_at].into_iter().flatten().min();
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
