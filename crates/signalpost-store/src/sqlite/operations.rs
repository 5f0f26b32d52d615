//! What the store does inside a transaction. Every function here runs in one that is open.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::lock::{LockDirectory, WorkerLock};
use super::rows;
use super::thread::Outcome as Done;
use crate::clock::millis;
use crate::{
    Claim, ClaimRequest, Counts, EndState, Finish, OutboxStatement, Outcome, PublishedReceiver, Renewal, RescueCause,
    RescueRequest, Rescued, StoreError, Task, TaskId, WorkerId, readable_reason,
};

pub(super) const INSERT: &str = include_str!("insert.sql");
const CLAIM: &str = include_str!("claim.sql");
const CLAIM_SUSPECT: &str = include_str!("claim_suspect.sql");
const END: &str = include_str!("end.sql");
const END_WAITING: &str = include_str!("end_waiting.sql");
const GIVE_BACK: &str = include_str!("give_back.sql");

/// The most tasks whose time is over that one claim ends, so that it stays short.
const EXPIRE_AT_ONCE: i64 = 200;

pub(super) fn insert(connection: &Connection, json: &str, count: usize) -> Done<Vec<TaskId>> {
    connection.prepare_cached(INSERT)?.execute([json])?;
    // One statement takes its numbers from the sequence in a row, and no other connection can write meanwhile.
    let last = connection.last_insert_rowid();
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok((last - count + 1..=last).map(TaskId).collect())
}

pub(super) fn register(
    connection: &Connection,
    worker: &WorkerId,
    lock: Option<&str>,
    now: i64,
    lease: Duration,
) -> Done<()> {
    connection
        .prepare_cached("INSERT INTO signalpost_worker (id, lock, started_at, lease_until) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![worker.as_str(), lock, now, now.saturating_add(millis(lease))])?;
    Ok(())
}

pub(super) fn renew(connection: &Connection, worker: &WorkerId, now: i64, lease: Duration) -> Done<Renewal> {
    let lease_until: Option<i64> = connection
        .prepare_cached("SELECT lease_until FROM signalpost_worker WHERE id = ?1")?
        .query_row([worker.as_str()], |row| row.get(0))
        .optional()?;
    let Some(lease_until) = lease_until else { return Ok(Renewal::Gone) };
    connection
        .prepare_cached("UPDATE signalpost_worker SET lease_until = ?2 WHERE id = ?1")?
        .execute(params![worker.as_str(), now.saturating_add(millis(lease))])?;
    Ok(if lease_until <= now { Renewal::Revived } else { Renewal::Kept })
}

pub(super) fn release_all_but(connection: &Connection, worker: &WorkerId, held: &[(TaskId, i64)]) -> Done<usize> {
    Ok(connection
        .prepare_cached(
            "UPDATE signalpost_task SET worker = NULL, attempt = attempt - 1 \
             WHERE worker = ?1 AND (id, fence) NOT IN (\
                 SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?2))",
        )?
        .execute(params![worker.as_str(), json!(held).to_string()])?)
}

pub(super) fn retire(connection: &Connection, worker: &WorkerId) -> Done<()> {
    release_all_but(connection, worker, &[])?;
    delete_worker(connection, worker)?;
    Ok(())
}

fn delete_worker(connection: &Connection, worker: &WorkerId) -> Done<bool> {
    Ok(connection.prepare_cached("DELETE FROM signalpost_worker WHERE id = ?1")?.execute([worker.as_str()])? == 1)
}

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

pub(super) fn cancel(connection: &Connection, task: TaskId, reason: &str, now: i64) -> Done<bool> {
    Ok(end_waiting(connection, &[task.0], EndState::Cancelled, reason, now)? == 1)
}

fn end_waiting(connection: &Connection, ids: &[i64], state: EndState, reason: &str, now: i64) -> Done<usize> {
    let mut statement = connection.prepare_cached(END_WAITING)?;
    let moved = rows::ids(&mut statement, params![json!(ids).to_string(), state.as_str(), reason, now])?;
    delete_tasks(connection, &moved)?;
    Ok(moved.len())
}

fn delete_tasks(connection: &Connection, ids: &[i64]) -> Done<()> {
    connection
        .prepare_cached("DELETE FROM signalpost_task WHERE id IN (SELECT value FROM json_each(?1))")?
        .execute([json!(ids).to_string()])?;
    Ok(())
}

pub(super) fn finish(
    connection: &Connection,
    worker: &WorkerId,
    finishes: &[Finish],
    outbox: &OutboxStatement,
    now: i64,
) -> Done<Vec<bool>> {
    let (mut ended, mut waiting, mut named) = (Vec::new(), Vec::new(), HashSet::new());
    for Finish { task: TaskId(id), fence, outcome, .. } in finishes {
        // The first report on a claim counts; one more in the same list has been overtaken by it.
        if !named.insert((id, fence)) {
            continue;
        }
        match outcome {
            Outcome::Succeeded { result } => {
                ended.push(json!({"id": id, "fence": fence, "state": "succeeded", "result": result}));
            }
            Outcome::Dead { reason } => {
                ended.push(json!({"id": id, "fence": fence, "state": "dead", "reason": readable_reason(reason)}));
            }
            Outcome::Retry { after, reason } => waiting.push(json!({
                "id": id, "fence": fence, "after": millis(*after), "attempt_back": 0, "is_unknown": false,
                "reason": readable_reason(reason),
            })),
            Outcome::Released => waiting.push(json!({
                "id": id, "fence": fence, "after": null, "attempt_back": 1, "is_unknown": false, "reason": null,
            })),
            Outcome::Deferred { after, reason } => waiting.push(json!({
                "id": id, "fence": fence, "after": millis(*after), "attempt_back": 1, "is_unknown": true,
                "reason": readable_reason(reason),
            })),
        }
    }
    let mut moved = Vec::new();
    if !ended.is_empty() {
        let mut statement = connection.prepare_cached(END)?;
        moved = rows::claims(&mut statement, params![json!(ended).to_string(), worker.as_str(), now])?;
        let ids: Vec<i64> = moved.iter().map(|(id, _)| *id).collect();
        delete_tasks(connection, &ids)?;
    }
    if !waiting.is_empty() {
        let mut statement = connection.prepare_cached(GIVE_BACK)?;
        moved.extend(rows::claims(&mut statement, params![json!(waiting).to_string(), worker.as_str(), now])?);
    }
    let mut moved: HashSet<(i64, i64)> = moved.into_iter().collect();
    let answers: Vec<bool> = finishes.iter().map(|finish| moved.remove(&(finish.task.0, finish.fence))).collect();
    let then: Vec<_> = finishes
        .iter()
        .zip(&answers)
        .filter(|(_, accepted)| **accepted)
        .flat_map(|(finish, _)| finish.then.iter().cloned())
        .collect();
    if !then.is_empty() {
        connection.prepare_cached(INSERT)?.execute([outbox.parameter(&then)?])?;
    }
    Ok(answers)
}

/// A worker whose tasks are to be taken up.
pub(super) struct Fallen {
    worker: WorkerId,
    cause: RescueCause,
    // Held until the rescue is committed, and then removed.
    lock: Option<WorkerLock>,
}

pub(super) fn fallen(
    connection: &Connection,
    directory: &LockDirectory,
    own: &[WorkerId],
    request: &RescueRequest,
    now: i64,
) -> Done<Vec<Fallen>> {
    let mut statement = connection.prepare_cached("SELECT id, lock, lease_until FROM signalpost_worker")?;
    let workers = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, i64>(2)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut fallen = Vec::new();
    for (id, lock, lease_until) in workers {
        let worker = WorkerId::from(id);
        let free = match lock {
            Some(name) if !own.contains(&worker) => directory.take_if_free(&name),
            _ => None,
        };
        if free.is_some() {
            fallen.push(Fallen { worker, cause: RescueCause::Died, lock: free });
        } else if request.expired_leases && lease_until <= now && worker != request.rescuer {
            fallen.push(Fallen { worker, cause: RescueCause::LeaseExpired, lock: None });
        }
    }
    Ok(fallen)
}

pub(super) fn rescue(
    connection: &Connection,
    fallen: Vec<Fallen>,
    request: &RescueRequest,
    now: i64,
) -> Done<(Vec<Rescued>, Vec<WorkerLock>)> {
    // After a suspend or a jump of the clock everybody looks expired, this worker too: the living renew first.
    let may_judge_leases = connection
        .prepare_cached("SELECT 1 FROM signalpost_worker WHERE id = ?1 AND lease_until > ?2")?
        .exists(params![request.rescuer.as_str(), now])?;
    let (mut rescued, mut locks) = (Vec::new(), Vec::new());
    for Fallen { worker, cause, lock } in fallen {
        // It was seen in an earlier transaction: it may have renewed, or been rescued by another, since then.
        let removed = match cause {
            RescueCause::Died => delete_worker(connection, &worker)?,
            RescueCause::LeaseExpired if !may_judge_leases => false,
            RescueCause::LeaseExpired => {
                connection
                    .prepare_cached("DELETE FROM signalpost_worker WHERE id = ?1 AND lease_until <= ?2")?
                    .execute(params![worker.as_str(), now])?
                    == 1
            }
        };
        if !removed {
            continue;
        }
        let mut statement = connection.prepare_cached(
            "UPDATE signalpost_task SET worker = NULL, deaths = deaths + 1, unknown_since = NULL \
             WHERE worker = ?1 RETURNING id, deaths",
        )?;
        let freed = statement
            .query_map([worker.as_str()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        // The first two deaths may have been a neighbour's doing.
        let died_alone = |deaths: u32| deaths.saturating_sub(2);
        let (dead, waiting): (Vec<_>, Vec<_>) =
            freed.into_iter().partition(|(_, deaths)| died_alone(*deaths) >= request.max_deaths_alone.max(1));
        let ids = |tasks: Vec<(i64, u32)>| -> Vec<i64> { tasks.into_iter().map(|(id, _)| id).collect() };
        let (dead, waiting) = (ids(dead), ids(waiting));
        if !dead.is_empty() {
            let reason = format!(
                "its worker died {} times while it ran alone; the last one was {worker}",
                request.max_deaths_alone.max(1)
            );
            end_waiting(connection, &dead, EndState::Dead, &reason, now)?;
        }
        locks.extend(lock);
        let ids = |tasks: Vec<i64>| tasks.into_iter().map(TaskId).collect();
        rescued.push(Rescued { worker, cause, waiting: ids(waiting), dead: ids(dead) });
    }
    Ok((rescued, locks))
}

pub(super) fn prune(connection: &Connection, state: EndState, before: i64, limit: usize) -> Done<usize> {
    let mut forgotten = 0;
    let mut queue = String::new();
    let mut next_queue =
        connection.prepare_cached("SELECT queue FROM signalpost_history WHERE queue > ?1 ORDER BY queue LIMIT 1")?;
    while forgotten < limit {
        let found = next_queue.query_row([&queue], |row| row.get(0)).optional()?;
        let Some(found) = found else { break };
        queue = found;
        let room = i64::try_from(limit - forgotten).unwrap_or(i64::MAX);
        forgotten += connection
            .prepare_cached(
                "DELETE FROM signalpost_history WHERE id IN (\
                     SELECT id FROM signalpost_history INDEXED BY signalpost_history_ended \
                     WHERE queue = ?1 AND state = ?2 AND finished_at <= ?3 ORDER BY finished_at LIMIT ?4)",
            )?
            .execute(params![queue, state.as_str(), before, room])?;
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
