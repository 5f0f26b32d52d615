//! A task as it stands in a frame.

use std::borrow::Cow;

use serde::Serialize;
use signalpost_store::Task;

/// Texts beyond this could make a frame too long: JSON text as a JSON string has up to seven letters for one.
const MAX_TEXT: usize = 8 << 20;

/// A task as a child is told of it: with its payload when it is to run it, without when only its name matters.
#[derive(Debug, Serialize)]
pub(crate) struct TaskBody<'a> {
    run: u64,
    store: &'a str,
    id: i64,
    fence: i64,
    attempt: u32,
    deaths: u32,
    depth: u32,
    priority: i16,
    payload_version: u32,
    created_at: i64,
    send_id: &'a str,
    signal: &'a str,
    receiver: &'a str,
    queue: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> TaskBody<'a> {
    /// Without payload and headers.
    pub(crate) fn head(run: u64, store: &'a str, task: &'a Task) -> Self {
        Self {
            run,
            store,
            id: task.id.0,
            fence: task.fence,
            attempt: task.attempt,
            deaths: task.deaths,
            depth: task.depth,
            priority: task.priority,
            payload_version: task.payload_version,
            created_at: task.created_at,
            send_id: &task.send_id,
            signal: &task.signal,
            receiver: &task.receiver,
            queue: &task.queue,
            sender: task.sender.as_deref(),
            key: task.key.as_deref(),
            parent: task.parent.map(|parent| parent.0),
            unknown_since: task.unknown_since,
            payload: None,
            headers: None,
            reason: None,
        }
    }

    /// With what has become of it.
    pub(crate) fn because(mut self, reason: &'a str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// All of it. Where [`problem`] finds something it is without payload and headers, which are empty.
    pub(crate) fn whole(run: u64, store: &'a str, task: &'a Task) -> Self {
        let is_whole = problem(task).is_none();
        let headers = match &task.headers {
            Some(headers) if is_whole && !headers.is_empty() => {
                serde_json::to_string(headers).unwrap_or_default().into()
            }
            _ => Cow::Borrowed("{}"),
        };
        let payload = if is_whole { std::str::from_utf8(&task.payload).unwrap_or_default() } else { "" };
        Self { payload: Some(payload), headers: Some(headers), ..Self::head(run, store, task) }
    }
}

/// Why the task cannot be sent to a child. Every attempt would meet the same.
pub(crate) fn problem(task: &Task) -> Option<String> {
    let texts = [&task.send_id, &task.signal, &task.receiver, &task.queue].map(String::len);
    let others = [&task.sender, &task.key].map(|text| text.as_ref().map_or(0, String::len));
    let headers = task.headers.iter().flatten().map(|(name, value)| name.len() + value.len());
    let beside: usize = texts.into_iter().chain(others).chain(headers).sum();
    let payload = task.payload.len();
    if payload + beside > MAX_TEXT {
        return Some(format!(
            "its payload has {payload} bytes and the rest of its texts {beside}, and no more than {MAX_TEXT} can be handed to a child"
        ));
    }
    let broken = std::str::from_utf8(&task.payload).err()?;
    Some(format!("its payload is no text: {broken}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use signalpost_store::NewTask;

    fn task(payload: &[u8]) -> Task {
        let mut task = Task::without_store(NewTask::new("news.published", "mail", "{}"));
        task.payload = payload.to_vec();
        task
    }

    #[test]
    fn the_payload_arrives_as_it_was_stored() {
        let stored = "{\"named\": {\"title\":\"Zo\u{eb}\\n\u{1f600}\", \"n\": 1.10}}";
        let task = task(stored.as_bytes());
        let json = serde_json::to_string(&TaskBody::whole(3, "default", &task)).unwrap();
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["payload"], stored);
        assert_eq!((&back["run"], &back["headers"], &back["store"]), (&3.into(), &"{}".into(), &"default".into()));
        assert!(back.get("sender").is_none());
        assert_eq!(problem(&task), None);
    }

    #[test]
    fn what_cannot_be_handed_over_is_named() {
        assert!(problem(&task(b"\xff")).unwrap().contains("is no text"));
        assert!(problem(&task(&vec![b' '; MAX_TEXT])).unwrap().contains("8388608 bytes"));
        let most = MAX_TEXT / 2;
        let with = |change: &dyn Fn(&mut Task)| {
            let mut task = task(&vec![b' '; most]);
            change(&mut task);
            problem(&task).is_some()
        };
        assert!(!with(&|_| {}));
        let long = || "x".repeat(most);
        assert!(with(&|task| task.receiver = long()) && with(&|task| task.signal = long()));
        assert!(with(&|task| task.sender = Some(long())) && with(&|task| task.key = Some(long())));
        assert!(with(&|task| task.headers = Some([(long(), String::new())].into())));
    }

    #[test]
    fn no_frame_becomes_too_long_by_a_task_that_is_handed_over() {
        // What becomes longest: `\u0001`, and its backslash is one more in a string in a string.
        let mut task = task(b"{}");
        task.headers = Some([("a".to_owned(), "\u{1}".repeat(MAX_TEXT - 200))].into());
        assert_eq!(problem(&task), None);
        let json = serde_json::to_string(&TaskBody::whole(1, "default", &task)).unwrap();
        assert!(json.len() + (2 << 20) < crate::frame::MAX_FRAME, "{}", json.len());
    }

    #[test]
    fn what_was_never_handed_over_is_told_of_without_what_was_too_long() {
        let task = task(&vec![b' '; MAX_TEXT + 1]);
        assert!(serde_json::to_string(&TaskBody::whole(1, "default", &task)).unwrap().len() < 1_000);
    }
}
