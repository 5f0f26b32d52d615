//! Moving tasks on: to the history, or back to those that wait. Every function here runs in an open transaction.

use std::borrow::Cow;
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::json;

use super::insert::insert;
use super::rows;
use super::thread::Outcome as Done;
use crate::clock::millis;
use crate::{EndState, Finish, Outcome, TaskId, WorkerId, readable_reason};

const END: &str = include_str!("end.sql");
const END_WAITING: &str = include_str!("end_waiting.sql");
const FORGET: &str = include_str!("forget.sql");
const GIVE_BACK: &str = include_str!("give_back.sql");
pub(super) const COMPLETE: &str = include_str!("complete.sql");
pub(super) const COMPLETE_DELETE: &str = include_str!("complete_delete.sql");

/// Records outcomes, and writes what follows from those that are accepted, whose headers are given as they are stored.
pub(super) fn finish(
    connection: &Connection,
    worker: &WorkerId,
    finishes: &[Finish],
    headers: &[Vec<Cow<'static, str>>],
    now: i64,
) -> Done<Vec<bool>> {
    let mut answers = Vec::with_capacity(finishes.len());
    for (finish, headers) in finishes.iter().zip(headers) {
        let accepted = finish_one(connection, worker, finish, now)?;
        if accepted && !finish.then.is_empty() {
            insert(connection, finish.then.iter().zip(headers), now)?;
        }
        answers.push(accepted);
    }
    Ok(answers)
}

fn finish_one(connection: &Connection, worker: &WorkerId, finish: &Finish, now: i64) -> Done<bool> {
    let claim = (finish.task.0, finish.fence, worker.as_str());
    let end = |state: EndState, reason: Option<String>, result: Option<&str>| -> Done<usize> {
        let (id, fence, worker) = claim;
        let moved =
            connection.prepare_cached(END)?.execute(params![id, fence, worker, state.as_str(), reason, result, now])?;
        if moved == 1 {
            connection.prepare_cached("DELETE FROM signalpost_task WHERE id = ?1")?.execute([id])?;
        }
        Ok(moved)
    };
    let deaths = i64::from(matches!(finish.outcome, Outcome::Died { .. }));
    let give_back = |run_at: Option<i64>, attempt_back: i64, reason: Option<&str>, unknown_at: Option<i64>| {
        let (id, fence, worker) = claim;
        let reason = reason.map(readable_reason);
        let given_back = params![id, fence, worker, run_at, attempt_back, reason, unknown_at, deaths];
        Done::Ok(connection.prepare_cached(GIVE_BACK)?.execute(given_back)?)
    };
    let later = |after: Duration| Some(now.saturating_add(millis(after)));
    let moved = match &finish.outcome {
        Outcome::Succeeded { .. } if !finish.keeps_success => connection.prepare_cached(FORGET)?.execute(claim)?,
        Outcome::Succeeded { result } => end(EndState::Succeeded, None, result.as_deref())?,
        Outcome::Dead { reason } => end(EndState::Dead, Some(readable_reason(reason)), None)?,
        Outcome::Retry { after, reason } => give_back(later(*after), 0, Some(reason), None)?,
        Outcome::Released => give_back(None, 1, None, None)?,
        Outcome::Died { reason } => give_back(None, 0, Some(reason), None)?,
        Outcome::Deferred { after, reason } => give_back(later(*after), 1, Some(reason), Some(now))?,
    };
    Ok(moved == 1)
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
