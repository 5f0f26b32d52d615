//! Taking up what the dead and the frozen have left. Every function here runs in an open transaction.

use rusqlite::{Connection, params};

use super::end::end_waiting;
use super::lease::delete_worker;
use super::lock::{LockDirectory, WorkerLock};
use super::thread::Outcome as Done;
use crate::{EndState, RescueCause, RescueRequest, Rescued, TaskId, WorkerId};

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
    let without_lease = left_behind(connection)?.into_iter();
    fallen.extend(without_lease.map(|worker| Fallen { worker, cause: RescueCause::LeftBehind, lock: None }));
    Ok(fallen)
}

/// Workers that hold tasks and have no lease row. No store of this kind leaves any; a hand may. One step in the index for
/// each worker.
fn left_behind(connection: &Connection) -> Done<Vec<WorkerId>> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE holder (worker) AS (\
             SELECT min(worker) FROM signalpost_task WHERE worker IS NOT NULL \
             UNION ALL \
             SELECT (SELECT min(worker) FROM signalpost_task AS task WHERE task.worker > holder.worker) \
             FROM holder WHERE holder.worker IS NOT NULL) \
         SELECT worker FROM holder \
         WHERE worker IS NOT NULL AND NOT EXISTS (SELECT 1 FROM signalpost_worker WHERE id = holder.worker)",
    )?;
    let workers = statement.query_map([], |row| row.get::<_, String>(0))?;
    Ok(workers.map(|worker| worker.map(WorkerId::from)).collect::<rusqlite::Result<_>>()?)
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
            // An id is never taken again.
            RescueCause::LeftBehind => true,
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
        if cause == RescueCause::LeftBehind && waiting.is_empty() && dead.is_empty() {
            continue;
        }
        let ids = |tasks: Vec<i64>| tasks.into_iter().map(TaskId).collect();
        rescued.push(Rescued { worker, cause, waiting: ids(waiting), dead: ids(dead) });
    }
    Ok((rescued, locks))
}
