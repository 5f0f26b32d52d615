//! The reference: what rusqlite does with the same rows, and nothing in between.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use signalpost::{BoxError, SendId};

use crate::ping::RECEIVER;

pub(super) const INSERT: &str = "INSERT INTO signalpost_task (send_id, signal, sender, receiver, queue, priority, run_at, \
    expires_at, key, payload, payload_version, headers, parent, depth, reason, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

const WORKER: &str = "8f14e45f-ceea-467f-a8d5-3b1c2a7d9e60";
const BATCH: usize = 64;
const FINISH: &str = "INSERT INTO signalpost_history (id, send_id, signal, sender, receiver, queue, priority, run_at, \
    expires_at, key, payload, payload_version, headers, parent, depth, attempt, deaths, fence, worker, created_at, \
    state, reason, result, finished_at) \
    SELECT id, send_id, signal, sender, receiver, queue, priority, run_at, expires_at, key, NULL, payload_version, \
    headers, parent, depth, attempt, deaths, fence, worker, created_at, 'succeeded', reason, NULL, ?2 \
    FROM signalpost_task WHERE worker = ?1";
const DELETE: &str = "DELETE FROM signalpost_task WHERE worker = ?1";
const CLAIM: &str = "UPDATE signalpost_task SET worker = ?1, fence = fence + 1, attempt = attempt + 1 WHERE id IN (\
    SELECT id FROM signalpost_task WHERE worker IS NULL AND deaths < 2 AND queue = 'default' AND priority = 0 \
    AND run_at <= ?2 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY run_at, id LIMIT ?3) \
    RETURNING id, send_id, signal, sender, receiver, queue, payload, headers, fence";

/// What differs from one row to the next.
pub(super) struct Row {
    pub(super) send_id: String,
    pub(super) payload: String,
    pub(super) now: i64,
}

impl Row {
    pub(super) fn new(number: usize) -> Self {
        Self { send_id: SendId::new().to_string(), payload: format!(r#"{{"number":{number}}}"#), now: now() }
    }

    /// Writes it, with a prepared statement.
    pub(super) fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Self { send_id, payload, now } = self;
        let nothing = None::<i64>;
        connection
            .prepare_cached(INSERT)?
            .execute(params![
                send_id,
                "bench.ping",
                "bench",
                RECEIVER,
                "default",
                0,
                now,
                nothing,
                nothing,
                payload,
                1,
                "{}",
                nothing,
                0,
                nothing,
                now
            ])
            .map(drop)
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Does something in a transaction that takes the write lock at once.
pub(super) fn write<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = work(connection)?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(done)
}

/// Works off everything that waits: one transaction finishes 64 and takes the next 64.
pub(super) fn drain(connection: &Connection) -> Result<Duration, BoxError> {
    // Without an index the reference would be slow, and ours look good.
    for sql in [FINISH, DELETE, CLAIM] {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let unknown = vec![None::<i64>; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(unknown), |row| row.get::<_, String>(3))?;
        for step in steps {
            let step = step?;
            if step.contains("SCAN signalpost_task") || step.contains("TEMP B-TREE") {
                return Err(format!("the reference has no index: {step}\n  in {sql}").into());
            }
        }
    }
    let began = Instant::now();
    loop {
        let claimed = write(connection, |connection| {
            let now = now();
            connection.prepare_cached(FINISH)?.execute(params![WORKER, now])?;
            connection.prepare_cached(DELETE)?.execute([WORKER])?;
            let mut claim = connection.prepare_cached(CLAIM)?;
            let tasks = claim.query_map(params![WORKER, now, BATCH as i64], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(4)?, row.get::<_, String>(6)?))
            })?;
            tasks.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        if claimed.is_empty() {
            return Ok(began.elapsed());
        }
    }
}
