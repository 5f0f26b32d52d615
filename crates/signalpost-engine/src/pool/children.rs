//! Children as the pool sees them: started, ready, being replaced, doomed.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use signalpost_store::PublishedReceiver;
use tokio::time::Instant;

use super::pace::Pace;
use super::{Pool, PoolOptions, PoolState};
use crate::child::Line;
use crate::event::Event;
use crate::message::{self, ChildHello, Hello, Said, Stop, VERSION, kind};
use crate::page::Page;
use crate::process::resident_memory;

/// One child.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) pid: i32,
    pub(super) line: Line,
    pub(super) page: Page,
    pub(super) started_at: Instant,
    /// `None`: it has not said hello.
    pub(super) ready_at: Option<Instant>,
    pub(super) wants_finished: bool,
    pub(super) pace: Pace,
    pub(super) in_hand: BTreeSet<u64>,
    /// How many runs it was given, and how many it has ended.
    pub(super) handed: u64,
    pub(super) ended: u64,
    /// When it had nothing more in hand.
    pub(super) idle_since: Instant,
    /// It is kept free for a suspect; or has it.
    pub(super) is_reserved: bool,
    /// It is to be replaced.
    pub(super) is_retired: bool,
    /// It was told to stop.
    pub(super) stopped_at: Option<Instant>,
    /// Why it is killed.
    pub(super) doom: Option<Doom>,
    /// Why it cannot start, in its own words.
    pub(super) excuse: Option<String>,
    /// What it was told and has not said to be logged.
    pub(super) unlogged: VecDeque<Event>,
    measured_at: Instant,
    /// Above how many bytes it is replaced.
    memory_limit: Option<u64>,
}

/// Why the engine kills a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doom {
    /// This run's time is over.
    TimedOut { run: u64, timeout: Duration, max_attempts: u32 },
    /// Nobody waits any more for something that it runs.
    Abandoned,
    /// It was told to stop, and has not; or everything stops.
    Stopped,
    /// It has not said hello in time, or has said what cannot be.
    NoStart(String),
    /// It has not given back for so long what it was asked for, and has not begun it.
    Silent(Duration),
    /// What it says makes no sense.
    Nonsense(String),
}

impl Child {
    /// One that has just been started.
    pub(super) fn new(pid: i32, line: Line, page: Page, options: &PoolOptions, now: Instant) -> Self {
        Self {
            pid,
            line,
            page,
            started_at: now,
            ready_at: None,
            wants_finished: false,
            pace: Pace::new(options.threads, options.async_concurrency, now),
            in_hand: BTreeSet::new(),
            handed: 0,
            ended: 0,
            idle_since: now,
            is_reserved: false,
            is_retired: false,
            stopped_at: None,
            doom: None,
            excuse: None,
            unlogged: VecDeque::new(),
            measured_at: now,
            memory_limit: options.max_memory_per_child,
        }
    }

    /// It can be talked to.
    pub(super) fn is_ready(&self) -> bool {
        self.ready_at.is_some() && self.doom.is_none()
    }

    /// It can be talked to, and will be there for the answer: it was not told to stop.
    pub(super) fn is_lasting(&self) -> bool {
        self.is_ready() && self.stopped_at.is_none()
    }

    /// It is one of those that work, or are about to.
    fn stands(&self) -> bool {
        self.doom.is_none() && !self.is_retired && self.stopped_at.is_none()
    }

    pub(super) fn kill(&mut self, doom: Doom) {
        if self.doom.is_none() {
            self.doom = Some(doom);
            self.line.kill();
        }
    }

    /// How many more runs it may be given, at all.
    pub(super) fn tasks_left(&self, most: Option<u64>) -> usize {
        let left = most.map_or(u64::MAX, |most| most.saturating_sub(self.handed));
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// How many more runs it may be given now.
    pub(super) fn room(&self, most: Option<u64>) -> usize {
        if !self.is_ready() || self.stopped_at.is_some() || self.is_reserved {
            return 0;
        }
        self.pace.window().saturating_sub(self.in_hand.len()).min(self.tasks_left(most))
    }

    pub(super) fn stop(&mut self, now: Instant) {
        if self.stopped_at.is_some() {
            return;
        }
        if self.ready_at.is_none() {
            return self.kill(Doom::Stopped);
        }
        self.stopped_at = Some(now);
        let mut frames = Vec::new();
        if message::write(&mut frames, kind::STOP, &Stop {}).is_ok() {
            self.line.send(frames);
        }
    }
}

impl Pool {
    pub(super) fn start_missing(&mut self, now: Instant) {
        while self.starts_at(now).is_some_and(|at| at <= now) {
            self.start(now);
        }
    }

    /// When the next child is started. `None`: there are enough.
    pub(super) fn starts_at(&self, now: Instant) -> Option<Instant> {
        let standing = self.children.values().filter(|child| child.stands()).count();
        let is_missing = standing < self.options.processes && !self.wraps_up && !self.has_failed();
        // Each may have a successor while it ends what it runs, however long that takes; the successor has to wait for its own.
        let living = self.children.values().filter(|child| child.doom.is_none()).count();
        let has_place = living < 2 * self.options.processes;
        (is_missing && has_place).then(|| self.starts.not_before().max(now))
    }

    /// Whether there will be another child soon.
    pub(super) fn awaits_child(&self, now: Instant) -> bool {
        let is_coming = |child: &Child| child.ready_at.is_none() && child.doom.is_none();
        self.starts_at(now).is_some() || self.children.values().any(is_coming)
    }

    fn has_failed(&self) -> bool {
        matches!(&*self.state.borrow(), PoolState::Failed(_))
    }

    fn start(&mut self, now: Instant) {
        let number = self.next_child;
        self.next_child += 1;
        let (process, socket, page) = match self.options.launch.start() {
            Ok(started) => started,
            Err(error) => return self.fail_start(number, now, &error.to_string(), now),
        };
        let (threads, async_concurrency) = (self.options.threads, self.options.async_concurrency);
        let pid = process.pid();
        let line = Line::open(number, process, socket, self.outbox.clone());
        let engine = env!("CARGO_PKG_VERSION");
        let stores = &self.options.stores;
        let hello = Hello { version: VERSION, engine, child: number, threads, async_concurrency, stores };
        let mut frames = Vec::new();
        if message::write(&mut frames, kind::HELLO, &hello).is_ok() {
            line.send(frames);
        }
        self.children.insert(number, Child::new(pid, line, page, &self.options, now));
        self.look_at = self.look_at.min(now + self.options.start_timeout);
    }

    /// A child has not come to its hello.
    pub(super) fn fail_start(&mut self, number: u32, started_at: Instant, why: &str, now: Instant) {
        let is_enough = self.starts.fail(started_at, now);
        let message = format!("child {number} could not be started: {why}");
        self.tell(Event::new("error", message).kind("cannot_start").field("child", number), now);
        if is_enough && !self.wraps_up && !self.children.values().any(Child::is_ready) {
            self.state.send_replace(PoolState::Failed(why.to_owned()));
        }
    }

    pub(super) fn take_said(&mut self, number: u32, said: Said, now: Instant) {
        let Some(child) = self.children.get_mut(&number) else { return };
        match said {
            Said::CannotStart(reason) if child.ready_at.is_none() => child.excuse = Some(reason),
            Said::Hello(hello) if child.ready_at.is_none() => self.welcome(number, hello, now),
            Said::Results(results) if child.ready_at.is_some() => self.take_results(number, results, now),
            Said::Logged(events) if child.ready_at.is_some() => self.take_logged(number, &events),
            Said::Replace { reason, all } if child.ready_at.is_some() => {
                if all {
                    self.replace_all(&reason, now);
                } else {
                    self.retire(number, &reason, now);
                }
            }
            Said::Credentials { store, answer } if child.ready_at.is_some() => {
                if let Some(reply) = self.asked.remove(&store) {
                    let _ = reply.send(answer);
                }
            }
            _ => child.kill(Doom::Nonsense("a hello twice, or something else before it".to_owned())),
        }
    }

    fn welcome(&mut self, number: u32, hello: ChildHello, now: Instant) {
        let Some(child) = self.children.get_mut(&number) else { return };
        let ChildHello { version, queues, receivers, wants_finished } = hello;
        if version != VERSION || queues.is_empty() {
            let why = match version {
                VERSION => "it has no queue".to_owned(),
                _ => format!("it speaks version {version} of the frames, and this engine {VERSION}"),
            };
            return child.kill(Doom::NoStart(why));
        }
        (child.ready_at, child.idle_since, child.wants_finished) = (Some(now), now, wants_finished);
        self.starts.succeed();
        let memory = child.memory_limit.and_then(|limit| Some((limit, resident_memory(child.pid)?)));
        let is_above = memory.filter(|(limit, memory)| memory >= limit);
        if is_above.is_some() {
            // Its successor would be, too.
            child.memory_limit = None;
        }
        if let Some((limit, memory)) = is_above.filter(|_| !std::mem::replace(&mut self.warned_of_memory, true)) {
            let (limit, memory) = (limit >> 20, memory >> 20);
            let message = format!(
                "a fresh child uses {memory} MiB, and {limit} are allowed (--max-memory-per-child): children are not \
                 replaced for their memory"
            );
            self.tell(Event::new("error", message), now);
        }
        let receivers = receivers.into_iter().map(PublishedReceiver::from).collect();
        let known = PoolState::Ready { queues, receivers };
        self.state.send_if_modified(|state| {
            let is_news = !matches!(state, PoolState::Failed(_)) && *state != known;
            if is_news {
                *state = known;
            }
            is_news
        });
        let wanted = self.children.values().any(|child| child.wants_finished);
        self.shared.wants_finished.store(wanted, std::sync::atomic::Ordering::SeqCst);
        self.send_held_events(now);
        // One is there for one that goes.
        if let Some(old) = self.children.values_mut().find(|child| child.is_retired && child.stopped_at.is_none()) {
            old.stop(now);
        }
    }

    /// A child is to be replaced; it works on until its successor is there.
    pub(super) fn retire(&mut self, number: u32, why: &str, now: Instant) {
        let Some(child) = self.children.get_mut(&number) else { return };
        // Where everything stops nobody takes its place.
        if self.wraps_up || !child.stands() {
            return;
        }
        child.is_retired = true;
        let (pid, ended) = (child.pid, child.ended);
        if child.ready_at.is_none() {
            child.stop(now);
        }
        let message = format!("child {number} is replaced: {why}");
        let event = Event::new("info", message).kind("replaced").field("child", number);
        self.tell(event.field("pid", pid).field("ended", ended), now);
    }

    pub(super) fn replace_all(&mut self, why: &str, now: Instant) {
        for number in self.children.keys().copied().collect::<Vec<_>>() {
            self.retire(number, why, now);
        }
    }

    pub(super) fn stop_children(&mut self, now: Instant) {
        self.children.values_mut().for_each(|child| child.stop(now));
        self.look_at = now;
    }

    pub(super) fn kill_children(&mut self) {
        self.children.values_mut().for_each(|child| child.kill(Doom::Stopped));
    }

    /// After a run: whether the child has grown too large.
    pub(super) fn mind_memory(&mut self, number: u32, now: Instant) {
        let Some(child) = self.children.get_mut(&number) else { return };
        let Some(limit) = child.memory_limit else { return };
        // Reading it takes some microseconds.
        if now < child.measured_at + Duration::from_millis(100) && !child.in_hand.is_empty() {
            return;
        }
        child.measured_at = now;
        if let Some(memory) = resident_memory(child.pid).filter(|memory| *memory > limit) {
            let why = format!("it uses {} MiB of memory, and {} are allowed", memory >> 20, limit >> 20);
            self.retire(number, &why, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::rehearsal::Rehearsal;

    #[test]
    fn each_child_has_one_successor_at_most_while_it_ends_what_it_runs() {
        let mut rehearsal = Rehearsal::new(2);
        let now = rehearsal.now;
        assert_eq!(rehearsal.pool.starts_at(now), None);
        let _answers: Vec<_> = (0..8).map(|_| rehearsal.run(0)).collect();
        rehearsal.turn(Duration::ZERO);
        rehearsal.pool.replace_all("asked for", now);
        for _ in 0..2 {
            assert_eq!(rehearsal.pool.starts_at(now), Some(now));
            let child = rehearsal.start();
            rehearsal.greet(child);
        }
        assert_eq!(rehearsal.pool.starts_at(now), None);
        // Again, while the first two are still at work.
        rehearsal.pool.replace_all("asked for", now);
        assert_eq!(rehearsal.pool.starts_at(now), None);
        rehearsal.dies(1);
        assert!(rehearsal.pool.starts_at(now).is_some());
    }

    #[test]
    fn a_child_that_has_had_all_its_tasks_has_one_successor() {
        let mut rehearsal = Rehearsal::new(1);
        rehearsal.pool.options.max_tasks_per_child = Some(1);
        let _answers: Vec<_> = (0..8).map(|_| rehearsal.run(0)).collect();
        rehearsal.turn(Duration::ZERO);
        let now = rehearsal.now;
        assert_eq!(rehearsal.pool.starts_at(now), Some(now));
        let child = rehearsal.start();
        rehearsal.greet(child);
        rehearsal.turn(Duration::ZERO);
        // It has its task, too; and both are at work.
        assert!(rehearsal.child(child).is_retired);
        assert_eq!(rehearsal.pool.starts_at(now), None);
        rehearsal.dies(1);
        assert!(rehearsal.pool.starts_at(now).is_some());
    }
}
