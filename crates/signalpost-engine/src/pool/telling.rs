//! Telling people, through a child, what has happened.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use signalpost_store::{Outcome, Task};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::children::Child;
use super::{Pool, PoolState};
use crate::child::Ending;
use crate::event::Event;
use crate::message::{self, AskCredentials, kind};
use crate::settings::StoreSettings;
use crate::task_body::TaskBody;
use crate::voice::say;

/// How many events are told in a second.
const MOST: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// How long an event waits for a child that is about to be ready, and how many do.
const HELD: Duration = Duration::from_secs(10);
const MOST_HELD: usize = 200;
/// To how many children an event is sent. It may be what kills them: a handler that cannot log it.
const TRIES: u32 = 2;
/// How many events are kept until a child has said that they are logged. One that is stuck says nothing.
const MOST_KEPT: usize = 100;

/// How much has been told of late, and what is to be told.
#[derive(Debug)]
pub(super) struct Telling {
    since: Instant,
    told: u32,
    left_out: u32,
    /// What no child was there for, and since when.
    held: VecDeque<(Instant, Event)>,
}

impl Telling {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, told: 0, left_out: 0, held: VecDeque::new() }
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
            let event = Event::new("warning", format!("{left_out} events were left out before this one"));
            self.send_event(event, now);
        }
        self.send_event(event, now);
    }

    fn send_event(&mut self, mut event: Event, now: Instant) {
        let may_wait = self.telling.held.len() < MOST_HELD && self.is_listener_coming(now);
        let lasting = self.children.values_mut().filter(|child| child.is_lasting());
        // One that hangs has something in hand, and a suspect may kill its child.
        let least = lasting.min_by_key(|child| (child.is_reserved, child.in_hand.len()));
        match least {
            _ if event.tries == TRIES => say(&event.line()),
            Some(child) => {
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
            None if may_wait => {
                self.look_at = self.look_at.min(now + HELD);
                self.telling.held.push_back((now, event));
            }
            None => say(&event.line()),
        }
    }

    /// A child has logged these events.
    pub(super) fn take_logged(&mut self, number: u32, events: &[u64]) {
        if let Some(child) = self.children.get_mut(&number) {
            child.unlogged.retain(|event| !events.contains(&event.number));
        }
    }

    /// A child that has died may not have come to log what it was told.
    pub(super) fn tell_again(&mut self, child: &mut Child, ending: &Ending, now: Instant) {
        let unlogged = std::mem::take(&mut child.unlogged);
        // One that has stopped as it was told has logged everything, whether it says so or not.
        if child.stopped_at.is_none() || !ending.is_clean {
            unlogged.into_iter().for_each(|event| self.send_event(event, now));
        }
    }

    /// The last child may have died a moment ago. Before the first one was ready, whoever starts the engine watches it.
    fn is_listener_coming(&self, now: Instant) -> bool {
        matches!(&*self.state.borrow(), PoolState::Ready { .. }) && !self.wraps_up && self.awaits_child(now)
    }

    /// A child is ready.
    pub(super) fn send_held_events(&mut self, now: Instant) {
        for (_, event) in std::mem::take(&mut self.telling.held) {
            self.send_event(event, now);
        }
    }

    /// No child has come for what was held.
    pub(super) fn let_go_of_events(&mut self, now: Instant) {
        let is_vain = !self.is_listener_coming(now);
        while let Some((since, event)) = self.telling.held.front() {
            if !is_vain && now < *since + HELD {
                self.look_at = self.look_at.min(*since + HELD);
                return;
            }
            say(&event.line());
            self.telling.held.pop_front();
        }
    }

    /// Whoever could have logged it does not come any more.
    pub(super) fn say_events(&mut self) {
        self.telling.held.drain(..).for_each(|(_, event)| say(&event.line()));
    }

    /// Asks a child for a store's credentials. Where none is ready the question is dropped, and asked again by whoever has it.
    pub(super) fn ask_credentials(&mut self, store: usize, reply: oneshot::Sender<Result<Box<StoreSettings>, String>>) {
        let alias = &self.options.stores[store];
        let question = AskCredentials { store: alias, why: "the server has refused the engine" };
        let mut frames = Vec::new();
        if let Some(child) = self.children.values().find(|child| child.is_lasting())
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
        // One that was told to stop may be at its end when this comes.
        let stays = |child: &&Child| child.is_lasting() && child.wants_finished;
        let own = self.children.get(&number);
        let lasting = own.filter(stays).or_else(|| self.children.values().find(stays));
        let child = lasting.or_else(|| own.filter(wants)).or_else(|| self.children.values().find(wants));
        let Some(child) = child else { return };
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
    use crate::pool::rehearsal::Rehearsal;
    use signalpost_store::NewTask;

    #[tokio::test(start_paused = true)]
    async fn no_more_is_told_than_people_can_read() {
        let mut telling = Telling::new(Instant::now());
        let told = (0..100).filter(|_| telling.may_tell(Instant::now()).is_some()).count();
        assert_eq!(told, 20);
        tokio::time::advance(SECOND).await;
        assert_eq!(telling.may_tell(Instant::now()), Some(80));
        assert_eq!(telling.may_tell(Instant::now()), Some(0));
    }

    #[test]
    fn an_event_waits_for_the_child_that_is_about_to_be_ready() {
        let mut rehearsal = Rehearsal::new(1);
        let (run, _answer) = rehearsal.run(0);
        rehearsal.turn(Duration::ZERO);
        rehearsal.child(1).page.write_slot(0, [run, 0, 0, 10]);
        rehearsal.dies(1);
        let child = rehearsal.start();
        rehearsal.turn(HELD - SECOND);
        rehearsal.greet(child);
        assert_eq!(rehearsal.sent(child), "E");
        assert!(rehearsal.pool.telling.held.is_empty());
    }

    #[test]
    fn an_event_does_not_wait_for_long_or_in_vain() {
        let mut rehearsal = Rehearsal::new(1);
        rehearsal.dies(1);
        assert_eq!(rehearsal.pool.telling.held.len(), 1);
        rehearsal.start();
        rehearsal.turn(HELD);
        assert!(rehearsal.pool.telling.held.is_empty());
        rehearsal.pool.tell(Event::new("error", "something"), rehearsal.now);
        assert_eq!(rehearsal.pool.telling.held.len(), 1);
        rehearsal.pool.wrap_up(rehearsal.now);
        rehearsal.turn(HELD / 2);
        assert!(rehearsal.pool.telling.held.is_empty());
    }

    #[test]
    fn an_event_goes_to_a_child_that_has_little_to_do() {
        let mut rehearsal = Rehearsal::new(3);
        let _answer = rehearsal.run(0);
        rehearsal.turn(Duration::ZERO);
        rehearsal.pool.children.get_mut(&2).unwrap().is_reserved = true;
        rehearsal.pool.tell(Event::new("error", "something"), rehearsal.now);
        assert_eq!((rehearsal.sent(1), rehearsal.sent(2), rehearsal.sent(3)), ("T".into(), "".into(), "E".into()));
    }

    #[test]
    fn an_end_is_told_to_a_child_that_stays() {
        let mut rehearsal = Rehearsal::new(2);
        let (run, _answer) = rehearsal.run(0);
        rehearsal.turn(Duration::ZERO);
        rehearsal.ends(1, run);
        rehearsal.pool.children.get_mut(&1).unwrap().stop(rehearsal.now);
        let task = Task::without_store(NewTask::new("tests.signal", "ok", "{}"));
        let outcome = Outcome::Succeeded { result: None };
        rehearsal.pool.take_finished(0, &task, &outcome);
        assert_eq!((rehearsal.sent(1), rehearsal.sent(2)), ("TS".into(), "F".into()));
        // Better than nobody.
        rehearsal.dies(2);
        rehearsal.pool.take_finished(0, &task, &outcome);
        assert_eq!(rehearsal.sent(1), "F");
    }
}
