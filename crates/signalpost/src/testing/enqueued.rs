//! What waits in the store.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use signalpost_dispatch::ParkingBridge;
use signalpost_store::{Clock, PayloadLimits, StoreError, TaskContent, TaskId, TaskRecord, decode_payload};

use super::{TestStore, is_named};
use crate::{Headers, headers};

/// How many tasks a message lists, and how much of a payload it shows.
const LISTED: usize = 20;
const SHOWN: usize = 120;

/// A task that waits. It is displayed as a line.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enqueued {
    /// The task.
    pub task: TaskId,
    /// The send that it belongs to.
    pub send_id: String,
    /// The name of the signal.
    pub signal: String,
    /// The sender's label.
    pub sender: Option<String>,
    /// The name of the receiver; `*` for a background signal's whole send.
    pub receiver: String,
    /// The queue.
    pub queue: String,
    /// The priority.
    pub priority: i16,
    /// How long until it is due by the store's clock; zero when it is.
    pub due_in: Duration,
    /// How long until it expires, where it does.
    pub expires_in: Option<Duration>,
    /// How often it was claimed: 0 when it has not run.
    pub attempt: u32,
    /// Why it failed last, where it has.
    pub reason: Option<String>,
    /// The task in whose receiver it was sent.
    pub parent: Option<TaskId>,
    /// What travels beside the payload.
    pub headers: Headers,
    json: String,
}

impl Enqueued {
    fn new(record: TaskRecord, content: TaskContent, now: i64) -> Self {
        let until = |at: i64| Duration::from_millis(u64::try_from(at - now).unwrap_or(0));
        Self {
            task: record.id,
            send_id: record.send_id,
            signal: record.signal,
            sender: record.sender,
            receiver: record.receiver,
            queue: record.queue,
            priority: record.priority,
            due_in: until(record.run_at),
            expires_in: record.expires_at.map(until),
            attempt: record.attempt,
            reason: record.reason,
            parent: record.parent,
            headers: headers::of_users(content.headers.unwrap_or_default()),
            json: String::from_utf8_lossy(&content.payload.unwrap_or_default()).into_owned(),
        }
    }

    /// The payload, as the receiver would be given it.
    ///
    /// # Panics
    ///
    /// When it is not a `P`.
    #[track_caller]
    pub fn payload<P: DeserializeOwned>(&self) -> P {
        decode_payload(self.json.as_bytes(), PayloadLimits::default())
            .unwrap_or_else(|error| panic!("{error}, as `{}`: {self}", std::any::type_name::<P>()))
    }
}

impl fmt::Display for Enqueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, signal, receiver, queue, due_in, json, .. } = self;
        write!(f, "#{task} {signal} → {receiver}, queue `{queue}`, ")?;
        match due_in.is_zero() {
            true => f.write_str("due now: "),
            false => write!(f, "due in {due_in:?}: "),
        }?;
        match json.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{}…", &json[..end]),
            None => f.write_str(json),
        }
    }
}

/// As it is displayed: a failing assertion shows this.
impl fmt::Debug for Enqueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TestStore {
    /// The tasks that wait in this store, due or not, in the order in which they were sent.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn enqueued(&self) -> Result<Vec<Enqueued>, StoreError> {
        let mut waiting = self.waiting().await?;
        waiting.sort_by_key(|task| task.id);
        let mut enqueued = Vec::with_capacity(waiting.len());
        for record in waiting {
            if let Some(content) = self.store.content(record.id).await? {
                enqueued.push(Enqueued::new(record, content, self.clock.now()));
            }
        }
        Ok(enqueued)
    }

    /// That exactly one task waits for the receiver, named by its name or by the last parts of its path; returns it. It
    /// reads the store while the thread waits.
    ///
    /// ```
    /// # use signalpost::{BackgroundOptions, BoxError, Event, Sender, Signal};
    /// # async fn thank(_: &Event<'_, u32>) {}
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BoxError> {
    /// use signalpost::testing::TestStore;
    ///
    /// # let paid: Signal<u32> = Signal::new("doc.assert_enqueued.paid");
    /// # paid.connect_background(BackgroundOptions::new().name("shop::mail::thank"), thank)?;
    /// let store = TestStore::new();
    /// store.scope(paid.asend(Sender::NONE, &1250)).await?;
    ///
    /// assert_eq!(store.assert_enqueued("thank").payload::<u32>(), 1250);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// When none waits, or several do, with a list of all that wait.
    #[track_caller]
    pub fn assert_enqueued(&self, receiver: &str) -> Enqueued {
        let mut found = self.assert_enqueued_times(receiver, 1);
        found.remove(0)
    }

    /// As [`TestStore::assert_enqueued`], for a number of tasks; returns them in the order in which they were sent.
    ///
    /// # Panics
    ///
    /// When another number waits, with a list of all that wait.
    #[track_caller]
    pub fn assert_enqueued_times(&self, receiver: &str, times: usize) -> Vec<Enqueued> {
        let all = self.all_enqueued();
        let found: Vec<Enqueued> = all.iter().filter(|task| is_named(&task.receiver, receiver)).cloned().collect();
        if found.len() != times {
            panic!("{} instead of {times} wait for `{receiver}`; {}", tasks(found.len()), listed(&all));
        }
        found
    }

    /// That no task waits in this store.
    ///
    /// # Panics
    ///
    /// When some do, with a list of them.
    #[track_caller]
    pub fn assert_nothing_enqueued(&self) {
        let all = self.all_enqueued();
        assert!(all.is_empty(), "{}", listed(&all));
    }

    #[track_caller]
    fn all_enqueued(&self) -> Vec<Enqueued> {
        // The store has threads of its own, and needs nothing of this one.
        ParkingBridge::run(self.enqueued()).unwrap_or_else(|error| panic!("the test's store failed: {error}"))
    }
}

fn tasks(number: usize) -> String {
    match number {
        0 => "no task".to_owned(),
        1 => "1 task".to_owned(),
        several => format!("{several} tasks"),
    }
}

fn listed(all: &[Enqueued]) -> String {
    let lines = all.iter().take(LISTED).map(|task| format!("\n  {task}"));
    let more = if all.len() > LISTED { "\n  …" } else { "" };
    let colon = if all.is_empty() { "" } else { ":" };
    format!("what waits in this store is {}{colon}{}{more}", tasks(all.len()), String::from_iter(lines))
}
