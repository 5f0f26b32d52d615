//! Workers' leases. Every function here runs in an open transaction.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::thread::Outcome as Done;
use crate::clock::millis;
use crate::{Renewal, TaskId, WorkerId};

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

pub(super) fn delete_worker(connection: &Connection, worker: &WorkerId) -> Done<bool> {
    Ok(connection.prepare_cached("DELETE FROM signalpost_worker WHERE id = ?1")?.execute([worker.as_str()])? == 1)
}
