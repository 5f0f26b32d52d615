//! What a task is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::DEFAULT_QUEUE;

/// The number of a task, from the database's sequence. Later sends have larger numbers; numbers never come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What all rows of one send share: a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SendId(pub Uuid);

impl SendId {
    /// A new id.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl FromStr for SendId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("`{text}` is not the id of a send, which is a UUID"))
    }
}

impl From<SendId> for String {
    fn from(id: SendId) -> Self {
        id.to_string()
    }
}

impl Default for SendId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for SendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One start of a worker. Random, so that no restart takes over its predecessor's lease.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(Arc<str>);

impl WorkerId {
    /// A new id.
    pub fn random() -> Self {
        Self(Uuid::new_v4().to_string().into())
    }

    /// The id as it stands in the store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for WorkerId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A task to be written.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewTask {
    /// Shared by all rows of a send. Default: a new one.
    pub send_id: SendId,
    /// Written only where no task of the same `send_id`, signal and receiver is live or in the history. Default:
    /// false. See [`Store::insert`](crate::Store::insert).
    pub once: bool,
    /// The signal's name.
    pub signal: String,
    /// The sender's label; `None` for nobody in particular.
    pub sender: Option<String>,
    /// The receiver's name; `*` when a background signal sends itself.
    pub receiver: String,
    /// The queue. Default: `default`. A queue that no worker serves keeps its tasks waiting for ever.
    pub queue: String,
    /// Higher comes first, from -100 to 100. Default: 0. A stream of high priority starves the lower ones.
    pub priority: i16,
    /// How long after the write the task becomes due. Default: at once.
    pub delay: Duration,
    /// Not due before this time either, in milliseconds since 1970 by the store's clock. Default: no such time. The
    /// later of it and the delay counts; a time that is over means at once.
    pub run_at: Option<i64>,
    /// How long after the write (not after it is due) the task is no longer worth starting; it then ends *expired*.
    /// Default: never.
    pub expires_in: Option<Duration>,
    /// What orders or coalesces tasks. Kept, not yet acted upon.
    pub key: Option<String>,
    /// JSON text, the same for all rows of a send: see [`encode_payload`](crate::encode_payload).
    pub payload: Arc<str>,
    /// The version of the payload's shape. Default: 1.
    pub payload_version: u32,
    /// What travels beside the payload: trace context, request id, language. Default: nothing.
    pub headers: BTreeMap<String, String>,
    /// The task in whose receiver this was sent.
    pub parent: Option<TaskId>,
    /// How many sends after the first one this was made; 0: it is the first. Default: 0.
    pub depth: u32,
    /// Why an earlier run of the same work failed, where this task follows from one. Default: nothing has failed.
    pub reason: Option<String>,
}

impl NewTask {
    /// A task of `receiver` for one send of `signal`, with everything else at its default.
    pub fn new(signal: impl Into<String>, receiver: impl Into<String>, payload: impl Into<Arc<str>>) -> Self {
        Self {
            send_id: SendId::new(),
            once: false,
            signal: signal.into(),
            sender: None,
            receiver: receiver.into(),
            queue: DEFAULT_QUEUE.to_owned(),
            priority: 0,
            delay: Duration::ZERO,
            run_at: None,
            expires_in: None,
            key: None,
            payload: payload.into(),
            payload_version: 1,
            headers: BTreeMap::new(),
            parent: None,
            depth: 0,
            reason: None,
        }
    }
}

/// A task as a worker holds it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// The send that it belongs to. As text, because a row put in by hand may hold anything.
    pub send_id: String,
    /// The signal's name.
    pub signal: String,
    /// The sender's label.
    pub sender: Option<String>,
    /// The receiver's name.
    pub receiver: String,
    /// The queue that it was claimed from.
    pub queue: String,
    /// Its priority.
    pub priority: i16,
    /// When it was due, in milliseconds since 1970 by the store's clock.
    pub run_at: i64,
    /// Its key.
    pub key: Option<String>,
    /// JSON as it was written. A row put in by hand may hold anything: decode it with
    /// [`decode_payload`](crate::decode_payload).
    pub payload: Vec<u8>,
    /// The version of the payload's shape.
    pub payload_version: u32,
    /// What travelled beside the payload; `None` when the row holds something else than a JSON object of texts.
    pub headers: Option<BTreeMap<String, String>>,
    /// The task in whose receiver this one was sent.
    pub parent: Option<TaskId>,
    /// How many sends after the first one this was made; 0: it is the first.
    pub depth: u32,
    /// Which claim of the task this is, from 1.
    pub attempt: u32,
    /// How many of the claims before ended with the death of their runner.
    pub deaths: u32,
    /// What guards this claim's finish.
    pub fence: i64,
    /// When it was sent, in milliseconds since 1970.
    pub created_at: i64,
    /// Since when workers have met the task without knowing its receiver.
    pub unknown_since: Option<i64>,
}

impl Task {
    /// The task as it would be claimed for the first time, held by no store: its number is 0.
    ///
    /// ```
    /// use signalpost_store::{NewTask, Task};
    ///
    /// let task = Task::without_store(NewTask::new("news.article_published", "count", "{}"));
    /// assert_eq!((task.id.0, task.attempt), (0, 1));
    /// ```
    pub fn without_store(new: NewTask) -> Self {
        Self {
            id: TaskId(0),
            send_id: new.send_id.to_string(),
            signal: new.signal,
            sender: new.sender,
            receiver: new.receiver,
            queue: new.queue,
            priority: new.priority,
            run_at: 0,
            key: new.key,
            payload: new.payload.as_bytes().to_vec(),
            payload_version: new.payload_version,
            headers: Some(new.headers),
            parent: new.parent,
            depth: new.depth,
            attempt: 1,
            deaths: 0,
            fence: 0,
            created_at: 0,
            unknown_since: None,
        }
    }

    /// How many runs have failed before this one: claims that ended neither in a death nor by being given back.
    pub fn failures(&self) -> u32 {
        self.attempt.saturating_sub(self.deaths).saturating_sub(1)
    }

    /// True when the task has met so many deaths that it runs alone from now on.
    pub fn is_suspect(&self) -> bool {
        self.deaths >= 2
    }
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndState {
    /// Its receiver has run to success.
    Succeeded,
    /// Given up, with a reason; the payload is kept, so that it can be retried.
    Dead,
    /// Taken out before it ran, by somebody's wish.
    Cancelled,
    /// Nobody had started it when its time was over.
    Expired,
    /// Another task, named in the reason, does its work.
    Merged,
}

impl EndState {
    /// All of them.
    pub const ALL: [EndState; 5] =
        [EndState::Succeeded, EndState::Dead, EndState::Cancelled, EndState::Expired, EndState::Merged];

    /// The word that stands in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            EndState::Succeeded => "succeeded",
            EndState::Dead => "dead",
            EndState::Cancelled => "cancelled",
            EndState::Expired => "expired",
            EndState::Merged => "merged",
        }
    }
}

impl FromStr for EndState {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        EndState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| format!("a task cannot end as `{word}`"))
    }
}

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// In no worker's hands. A send, a failed attempt, a rescue or a clean stop put it here; a claim takes it out
    /// once `run_at` has come.
    Waiting,
    /// In a worker's hands: claimed, and perhaps started. It leaves by its worker's finish, or by a rescue when the
    /// worker has died or its lease has expired.
    Running,
    /// In the history, for as long as that is kept.
    Ended(EndState),
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Running => "running",
            State::Ended(state) => state.as_str(),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the store says of one task, live or ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TaskRecord {
    /// Its number.
    pub id: TaskId,
    /// The send that it belongs to. As text, because a row put in by hand may hold anything.
    pub send_id: String,
    /// The signal's name.
    pub signal: String,
    /// The sender's label.
    pub sender: Option<String>,
    /// The receiver's name.
    pub receiver: String,
    /// Its queue.
    pub queue: String,
    /// Its priority.
    pub priority: i16,
    /// Where it is in its life.
    pub state: State,
    /// How often it was claimed.
    pub attempt: u32,
    /// How many of its runners died.
    pub deaths: u32,
    /// The newest claim's fence.
    pub fence: i64,
    /// Who holds it, or held it last.
    pub worker: Option<String>,
    /// The task in whose receiver it was sent.
    pub parent: Option<TaskId>,
    /// When it is or was due, in milliseconds since 1970.
    pub run_at: i64,
    /// When it is no longer worth starting.
    pub expires_at: Option<i64>,
    /// When it was sent.
    pub created_at: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// Why it failed last, or ended as it did.
    pub reason: Option<String>,
    /// What its receiver returned, where the receiver keeps results: JSON text.
    pub result: Option<String>,
}

/// What a task carries to its receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskContent {
    /// JSON as it was written: decode it with [`decode_payload`](crate::decode_payload). `None` when the task has
    /// succeeded: a success does not keep it.
    pub payload: Option<Vec<u8>>,
    /// The version of the payload's shape.
    pub payload_version: u32,
    /// What travelled beside the payload; `None` when the row holds something else than a JSON object of texts.
    pub headers: Option<BTreeMap<String, String>>,
}
