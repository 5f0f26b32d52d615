//! Rows as tasks. A row may have been put in by hand: what it holds is read without trust.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::failure::Outcome;
use crate::{State, StoreError, Task, TaskContent, TaskId, TaskRecord};

/// In the columns of `claim.sql`, and in their order. What they are is known, and not asked for each row again.
pub(super) fn task(row: &PgRow) -> Outcome<Task> {
    Ok(Task {
        id: TaskId(row.try_get_unchecked(0)?),
        send_id: row.try_get_unchecked(1)?,
        signal: row.try_get_unchecked(2)?,
        sender: row.try_get_unchecked(3)?,
        receiver: row.try_get_unchecked(4)?,
        queue: row.try_get_unchecked(5)?,
        priority: row.try_get_unchecked(6)?,
        run_at: row.try_get_unchecked(7)?,
        key: row.try_get_unchecked(8)?,
        payload: row.try_get_unchecked::<String, _>(9)?.into_bytes(),
        payload_version: number(row.try_get_unchecked(10)?),
        headers: headers(row.try_get_unchecked(11)?),
        parent: row.try_get_unchecked::<Option<i64>, _>(12)?.map(TaskId),
        depth: number(row.try_get_unchecked(13)?),
        attempt: number(row.try_get_unchecked(14)?),
        deaths: number(row.try_get_unchecked(15)?),
        fence: row.try_get_unchecked(16)?,
        created_at: row.try_get_unchecked(17)?,
        unknown_since: row.try_get_unchecked(18)?,
    })
}

fn headers(text: &str) -> Option<BTreeMap<String, String>> {
    if text == "{}" { Some(BTreeMap::new()) } else { serde_json::from_str(text).ok() }
}

fn number(number: i64) -> u32 {
    u32::try_from(number.clamp(0, i64::from(u32::MAX))).unwrap_or(u32::MAX)
}

pub(super) fn content(row: &PgRow) -> Outcome<TaskContent> {
    Ok(TaskContent {
        payload: row.try_get::<Option<String>, _>("payload")?.map(String::into_bytes),
        payload_version: number(row.try_get("payload_version")?),
        headers: headers(row.try_get("headers")?),
    })
}

pub(super) fn record(row: &PgRow) -> Outcome<TaskRecord> {
    let state = match row.try_get("state")? {
        "waiting" => State::Waiting,
        "running" => State::Running,
        ended => State::Ended(ended.parse().map_err(StoreError::other)?),
    };
    Ok(TaskRecord {
        id: TaskId(row.try_get("id")?),
        send_id: row.try_get("send_id")?,
        signal: row.try_get("signal")?,
        sender: row.try_get("sender")?,
        receiver: row.try_get("receiver")?,
        queue: row.try_get("queue")?,
        priority: row.try_get("priority")?,
        state,
        attempt: number(row.try_get("attempt")?),
        deaths: number(row.try_get("deaths")?),
        fence: row.try_get("fence")?,
        worker: row.try_get("worker")?,
        parent: row.try_get::<Option<i64>, _>("parent")?.map(TaskId),
        run_at: row.try_get("run_at")?,
        expires_at: row.try_get("expires_at")?,
        created_at: row.try_get("created_at")?,
        finished_at: row.try_get("finished_at")?,
        reason: row.try_get("reason")?,
        result: row.try_get("result")?,
    })
}
