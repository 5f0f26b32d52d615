//! Rows as tasks. A row may have been put in by hand: what it holds is read without trust.

use rusqlite::types::{Type, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, RowIndex, params_from_iter};

use super::thread::Outcome as Done;
use crate::{State, Task, TaskContent, TaskFilter, TaskId, TaskRecord};

/// Runs a statement that returns tasks in the columns of `claim.sql`, and in their order.
pub(super) fn tasks(statement: &mut CachedStatement<'_>, params: impl Params) -> Done<Vec<Task>> {
    Ok(statement.query_map(params, task)?.collect::<rusqlite::Result<_>>()?)
}

/// Runs a statement that returns numbers of tasks.
pub(super) fn ids(statement: &mut CachedStatement<'_>, params: impl Params) -> Done<Vec<i64>> {
    Ok(statement.query_map(params, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    Ok(Task {
        id: TaskId(row.get(0)?),
        send_id: text(row, 1)?,
        signal: text(row, 2)?,
        sender: optional_text(row, 3)?,
        receiver: text(row, 4)?,
        queue: text(row, 5)?,
        priority: row.get(6)?,
        run_at: row.get(7)?,
        key: optional_text(row, 8)?,
        payload: bytes(row, 9)?.unwrap_or_default(),
        payload_version: number(row, 10)?,
        headers: serde_json::from_slice(&bytes(row, 11)?.unwrap_or_default()).ok(),
        parent: row.get::<_, Option<i64>>(12)?.map(TaskId),
        depth: number(row, 13)?,
        attempt: number(row, 14)?,
        deaths: number(row, 15)?,
        fence: row.get(16)?,
        created_at: row.get(17)?,
        unknown_since: row.get(18)?,
    })
}

fn bytes(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<Vec<u8>>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_vec()),
        _ => None,
    })
}

/// A text column can hold bytes that are not UTF-8; one such row must not stop a claim.
fn text(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<String> {
    Ok(optional_text(row, column)?.unwrap_or_default())
}

fn optional_text(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<String>> {
    Ok(bytes(row, column)?.map(|bytes| {
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }))
}

fn number(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<u32> {
    let number: i64 = row.get(column)?;
    Ok(u32::try_from(number.clamp(0, i64::from(u32::MAX))).unwrap_or(u32::MAX))
}

/// Live and ended tasks in the same columns.
const RECORDS: &str = "
    SELECT id, send_id, signal, sender, receiver, queue, priority,
           CASE WHEN worker IS NULL THEN 'waiting' ELSE 'running' END AS state, attempt, deaths, fence, worker, parent,
           run_at, expires_at, created_at, NULL AS finished_at, reason, NULL AS result
    FROM signalpost_task
    UNION ALL
    SELECT id, send_id, signal, sender, receiver, queue, priority, state, attempt, deaths, fence, worker, parent,
           run_at, expires_at, created_at, finished_at, reason, result
    FROM signalpost_history";

pub(super) fn find(connection: &Connection, id: TaskId) -> Done<Option<TaskRecord>> {
    let sql = format!("SELECT * FROM ({RECORDS}) WHERE id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([id.0], record).optional()?)
}

pub(super) fn content(connection: &Connection, id: TaskId) -> Done<Option<TaskContent>> {
    const CONTENT: &str = "
        SELECT payload, payload_version, headers FROM signalpost_task WHERE id = ?1
        UNION ALL
        SELECT payload, payload_version, headers FROM signalpost_history WHERE id = ?1";
    let content = |row: &Row<'_>| {
        Ok(TaskContent {
            payload: bytes(row, "payload")?,
            payload_version: number(row, "payload_version")?,
            headers: serde_json::from_slice(&bytes(row, "headers")?.unwrap_or_default()).ok(),
        })
    };
    Ok(connection.prepare_cached(CONTENT)?.query_row([id.0], content).optional()?)
}

pub(super) fn list(connection: &Connection, filter: &TaskFilter) -> Done<Vec<TaskRecord>> {
    let (sql, values) = list_query(filter);
    let mut statement = connection.prepare_cached(&sql)?;
    let records = statement.query_map(params_from_iter(values), record)?;
    Ok(records.collect::<rusqlite::Result<_>>()?)
}

/// Names the columns that are asked about and no others: with a condition that may be absent SQLite uses no index.
fn list_query(filter: &TaskFilter) -> (String, Vec<Value>) {
    let TaskFilter { state, send_id, signal, receiver, queue, before, limit } = filter;
    let state = state.map(|state| state.as_str().to_owned());
    let mut sql = format!("SELECT * FROM ({RECORDS}) WHERE id < ?");
    let mut values = vec![Value::from(before.map_or(i64::MAX, |before| before.0))];
    for (condition, text) in [
        (" AND state = ?", &state),
        (" AND send_id = ?", send_id),
        (" AND signal = ?", signal),
        (" AND receiver = ?", receiver),
        (" AND queue = ?", queue),
    ] {
        if let Some(text) = text {
            sql.push_str(condition);
            values.push(text.clone().into());
        }
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    values.push(i64::try_from(*limit).unwrap_or(i64::MAX).into());
    (sql, values)
}

fn record(row: &Row<'_>) -> rusqlite::Result<TaskRecord> {
    let state = match text(row, "state")?.as_str() {
        "waiting" => State::Waiting,
        "running" => State::Running,
        ended => State::Ended(
            ended
                .parse()
                .map_err(|error: String| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into()))?,
        ),
    };
    Ok(TaskRecord {
        id: TaskId(row.get("id")?),
        send_id: text(row, "send_id")?,
        signal: text(row, "signal")?,
        sender: optional_text(row, "sender")?,
        receiver: text(row, "receiver")?,
        queue: text(row, "queue")?,
        priority: row.get("priority")?,
        state,
        attempt: number(row, "attempt")?,
        deaths: number(row, "deaths")?,
        fence: row.get("fence")?,
        worker: optional_text(row, "worker")?,
        parent: row.get::<_, Option<i64>>("parent")?.map(TaskId),
        run_at: row.get("run_at")?,
        expires_at: row.get("expires_at")?,
        created_at: row.get("created_at")?,
        finished_at: row.get("finished_at")?,
        reason: optional_text(row, "reason")?,
        result: optional_text(row, "result")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SendId;
    use crate::sqlite::insert::INSERT_ONCE;

    fn plan(sql: &str, values: Vec<Value>) -> Vec<String> {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../schema/sqlite/v1.sql")).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map(params_from_iter(values), |row| row.get("detail")).unwrap();
        steps.collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn the_tasks_of_a_send_are_found_by_an_index() {
        let (sql, values) = list_query(&TaskFilter::of_send(SendId::new()));
        let insert = (INSERT_ONCE.to_owned(), vec![Value::from("[]".to_owned())]);
        for (sql, values) in [(sql, values), insert] {
            let steps = plan(&sql, values);
            let uses = |index: &str| steps.iter().any(|step| step.starts_with("SEARCH") && step.contains(index));
            assert!(uses("signalpost_task_send") && uses("signalpost_history_send"), "{steps:#?}");
            assert!(!steps.iter().any(|step| step.starts_with("SCAN signalpost")), "{steps:#?}");
        }
    }
}
