//! Moving tasks on: to the history, or back to those that wait. Every function here runs in an open transaction.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use serde_json::json;

use super::insert::INSERT;
use super::rows;
use super::thread::Outcome as Done;
use crate::clock::millis;
use crate::{EndState, Finish, OutboxStatement, Outcome, TaskId, WorkerId, readable_reason};

const END: &str = include_str!("end.sql");
const END_WAITING: &str = include_str!("end_waiting.sql");
const GIVE_BACK: &str = include_str!("give_back.sql");
pub(super) const COMPLETE: &str = include_str!("complete.sql");
pub(super) const COMPLETE_DELETE: &str = include_str!("complete_delete.sql");

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

pub(super) fn cancel(connection: &Connection, task: TaskId, reason: &str, now: i64) -> Done<bool> {
    Ok(end_waiting(connection, &[task.0], EndState::Cancelled, reason, now)? == 1)
}

pub(super) fn end_waiting(
    connection: &Connection,
    ids: &[i64],
    state: EndState,
    reason: &str,
    now: i64,
) -> Done<usize> {
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
