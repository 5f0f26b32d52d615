//! Tasks as the outbox statement reads them: one JSON array.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;

use crate::clock::millis;
use crate::{NewTask, StoreError, check_name, check_priority, readable_reason};

#[derive(Serialize)]
struct Row<'a> {
    send_id: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    once: bool,
    signal: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    receiver: &'a str,
    queue: &'a str,
    priority: i16,
    delay: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    // As a text, so that it is stored byte by byte as it was written.
    payload: &'a str,
    payload_version: u32,
    headers: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<i64>,
    depth: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<i64>,
}

/// The outbox statement's parameter for `tasks`.
pub(crate) fn render(tasks: &[NewTask], now: Option<i64>) -> Result<String, StoreError> {
    // The statement does not see what it writes itself.
    let mut once = HashSet::new();
    let rows = tasks
        .iter()
        .filter(|task| !task.once || once.insert((task.send_id, &*task.signal, &*task.receiver)))
        .map(|task| row(task, now))
        .collect::<Result<Vec<_>, _>>()?;
    serde_json::to_string(&rows).map_err(|error| StoreError::invalid_task(error.to_string()))
}

impl NewTask {
    /// Whether its names and its priority can be stored. Writing it checks this and its texts again.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_invalid_task`].
    pub fn check(&self) -> Result<(), StoreError> {
        check_name("signal", &self.signal)?;
        check_name("receiver", &self.receiver)?;
        check_name("queue", &self.queue)?;
        self.sender.as_deref().map_or(Ok(()), |sender| check_name("sender", sender))?;
        check_priority(&format!("a task of signal `{}`", self.signal), self.priority)
    }
}

/// Checks everything about a task, and returns its headers as they are stored.
pub(crate) fn checked_headers(task: &NewTask) -> Result<Cow<'static, str>, StoreError> {
    task.check()?;
    let headers: Cow<'static, str> = match task.headers.is_empty() {
        true => "{}".into(),
        false => {
            serde_json::to_string(&task.headers).map_err(|error| StoreError::invalid_task(error.to_string()))?.into()
        }
    };
    let texts = [("payload", &*task.payload), ("headers", &headers), ("key", task.key.as_deref().unwrap_or(""))];
    for (what, text) in texts {
        if text.contains('\0') || (what != "key" && text.contains(r"\u0000")) && holds_nul(text) {
            let signal = &task.signal;
            return Err(StoreError::invalid_task(format!(
                "the {what} of a task of signal `{signal}` holds the character NUL, which not every database can store"
            )));
        }
    }
    Ok(headers)
}

fn row(task: &NewTask, now: Option<i64>) -> Result<Row<'_>, StoreError> {
    let headers = checked_headers(task)?;
    Ok(Row {
        send_id: task.send_id.to_string(),
        once: task.once,
        signal: &task.signal,
        sender: task.sender.as_deref(),
        receiver: &task.receiver,
        queue: &task.queue,
        priority: task.priority,
        delay: millis(task.delay),
        run_at: task.run_at,
        expires_in: task.expires_in.map(millis),
        key: task.key.as_deref(),
        payload: &task.payload,
        payload_version: task.payload_version,
        headers,
        parent: task.parent.map(|parent| parent.0),
        depth: task.depth,
        reason: task.reason.as_deref().map(readable_reason),
        now,
    })
}

/// Whether `\u0000` stands in this JSON as an escape, and not as a backslash followed by letters.
fn holds_nul(json: &str) -> bool {
    json.match_indices(r"\u0000").any(|(at, _)| {
        let backslashes = json[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        backslashes % 2 == 0
    })
}
