//! Telling people, through a child, what has happened.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use signalpost_store::{Outcome, Task};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Pool;
use super::children::Child;
use crate::child::Ending;
use crate::event::{Event, say};
use crate::message::{self, AskCredentials, kind};
use crate::settings::StoreSettings;
use crate::task_body::TaskBody;

/// How many events are told in a second.
const MOST: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// To how many children an event is sent. It may be what kills them: a handler that cannot log it.
const TRIES: u32 = 2;
/// How many events are kept until a child has said that they are logged. One that is stuck says nothing.
const MOST_KEPT: usize = 100;

/// How much has been told of late.
#[derive(Debug)]
pub(super) struct Telling {
    since: Instant,
    told: u32,
    left_out: u32,
}

impl Telling {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, told: 0, left_out: 0 }
    }

    /// Whether one more may be told, and how many have been left out before it.
    fn may_tell(&mut self, now: Instant) -> Option<u32> {
        if now >= self.since + SECOND {
            (self.since, self.told) = (now, 0);
        }
        if self.told >= MOST {
            self.left_out += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[derive(Serialize)]
struct Finished<'a> {
    finished: [OneFinished<'a>; 1],
}

#[derive(Serialize)]
struct OneFinished<'a> {
    task: TaskBody<'a>,
    outcome: Value,
}

impl Pool {
    pub(super) fn tell(&mut self, event: Event, now: Instant) {
        let Some(left_out) = self.telling.may_tell(now) else { return };
        if left_out > 0 {
            self.send_event(Event::new("warning", format!("{left_out} events were left out before this one")));
        }
        self.send_event(event);
    }

    fn send_event(&mut self, mut event: Event) {
        let child = self.children.values_mut().find(|child| child.is_ready() && child.stopped_at.is_none());
        let Some(child) = child.filter(|_| event.tries < TRIES) else { return say(&event.line()) };
        self.events += 1;
        (event.number, event.tries) = (self.events, event.tries + 1);
        let mut frames = Vec::new();
        if message::write(&mut frames, kind::EVENT, &event).is_err() {
            return say(&event.line());
        }
        child.line.send(frames);
        if child.unlogged.len() == MOST_KEPT {
            child.unlogged.pop_front();
        }
        child.unlogged.push_back(event);
    }

    /// A child has logged these events.
    pub(super) fn take_logged(&mut self, number: u32, events: &[u64]) {
        if let Some(child) = self.children.get_mut(&number) {
            child.unlogged.retain(|event| !events.contains(&event.number));
        }
    }

    /// A child that has died may not have come to log what it was told.
    pub(super) fn tell_again(&mut self, child: &mut Child, ending: &Ending) {
        let unlogged = std::mem::take(&mut child.unlogged);
        // One that has stopped as it was told has logged everything, whether it says so or not.
        if child.stopped_at.is_none() || !ending.is_clean {
            unlogged.into_iter().for_each(|event| self.send_event(event));
        }
    }

    /// Asks a child for a store's credentials. Where none is ready the question is dropped, and asked again by whoever has it.
    pub(super) fn ask_credentials(&mut self, store: usize, reply: oneshot::Sender<Result<Box<StoreSettings>, String>>) {
        let alias = &self.options.stores[store];
        let question = AskCredentials { store: alias, why: "the server has refused the engine" };
        let mut frames = Vec::new();
        if let Some(child) = self.children.values().find(|child| child.is_ready() && child.stopped_at.is_none())
            && message::write(&mut frames, kind::CREDENTIALS, &question).is_ok()
        {
            child.line.send(frames);
            self.asked.insert(alias.clone(), reply);
        }
    }

    /// A task's end is recorded: a child that wants to know is told, the one that has run it if it is there.
    pub(super) fn take_finished(&mut self, store: usize, task: &Task, outcome: &Outcome) {
        let ran = self.ran.remove(&(store, task.id.0, task.fence));
        let (run, number) = ran.unwrap_or_default();
        let outcome = match outcome {
            Outcome::Succeeded { result } => json!({"ok": {"result": result}}),
            Outcome::Dead { reason } => json!({"dead": {"reason": reason}}),
            Outcome::Retry { after, reason } => {
                let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                json!({"retry": {"reason": reason, "after": after}})
            }
            // It waits for another attempt, too.
            Outcome::Died { reason } => json!({"retry": {"reason": reason, "after": 0}}),
            Outcome::Deferred { reason, .. } => json!({"unknown": {"reason": reason}}),
            Outcome::Released => return,
        };
        let wants = |child: &&Child| child.is_ready() && child.wants_finished;
        let by_number = self.children.get(&number).filter(wants);
        let Some(child) = by_number.or_else(|| self.children.values().find(wants)) else { return };
        let task = TaskBody::whole(run, &self.options.stores[store], task);
        let mut frames = Vec::new();
        let body = Finished { finished: [OneFinished { task, outcome }] };
        if message::write(&mut frames, kind::FINISHED, &body).is_ok() {
            child.line.send(frames);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_is_told_than_people_can_read() {
        let mut telling = Telling::new(Instant::now());
        let told = (0..100).filter(|_| telling.may_tell(Instant::now()).is_some()).count();
        assert_eq!(told, 20);
        tokio::time::advance(SECOND).await;
        assert_eq!(telling.may_tell(Instant::now()), Some(80));
        assert_eq!(telling.may_tell(Instant::now()), Some(0));
    }
}
