//! From a run that came to the child that makes it, and from its result to whoever waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use signalpost_store::Task;
use signalpost_worker::{Failure, Success};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::children::{Child, Doom};
use super::watching::{LOOK_SOON, WAITS_AT_MOST};
use super::{Hand, Pool};
use crate::frame::{FrameWriter, WrongLength};
use crate::message::{self, End, Recall, RunResult, kind};
use crate::task_body::TaskBody;

/// A frame of tasks that has become so long is full.
const FULL: usize = 1 << 20;

impl Pool {
    pub(super) fn take_run(
        &mut self,
        run: u64,
        store: usize,
        task: Arc<Task>,
        reply: oneshot::Sender<Result<Success, Failure>>,
        now: Instant,
    ) {
        if self.wraps_up {
            let _ = reply.send(Err(Failure::given_back()));
            return;
        }
        let queue = if task.is_suspect() { &mut self.suspects } else { &mut self.waiting };
        queue.push_back(run);
        let hand = Hand {
            store,
            task,
            reply,
            child: None,
            came_at: now,
            handed_at: now,
            recalled_at: None,
            has_begun: false,
            ended_at: None,
            lost: 0,
        };
        self.runs.insert(run, hand);
    }

    /// Says how a run has ended.
    pub(super) fn answer(&mut self, run: u64, report: Result<Success, Failure>) {
        if let Some(hand) = self.runs.remove(&run) {
            let _ = hand.reply.send(report);
        }
    }

    /// A run that has not begun waits for another child, before those that came later.
    pub(super) fn put_back(&mut self, run: u64) {
        let Some(hand) = self.runs.get_mut(&run) else { return };
        if hand.is_abandoned() {
            self.runs.remove(&run);
        } else if self.wraps_up {
            self.answer(run, Err(Failure::given_back()));
        } else {
            (hand.child, hand.recalled_at, hand.has_begun, hand.ended_at) = (None, None, false, None);
            let queue = if hand.task.is_suspect() { &mut self.suspects } else { &mut self.waiting };
            queue.push_front(run);
        }
    }

    /// Gives the runs that wait to children that have room.
    pub(super) fn hand_out(&mut self, now: Instant) {
        let mut given: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        self.hand_out_suspect(&mut given, now);
        while let Some(&run) = self.waiting.front() {
            if !self.still_waits(run) {
                self.waiting.pop_front();
                continue;
            }
            let most = self.options.max_tasks_per_child;
            let rooms = self.children.iter().map(|(number, child)| (*number, child.room(most), child.in_hand.len()));
            // Evenly: who has least in hand.
            let roomiest = rooms.filter(|(_, room, _)| *room > 0).min_by_key(|(_, _, in_hand)| *in_hand);
            let Some((number, ..)) = roomiest else { break };
            self.waiting.pop_front();
            self.give(run, number, now);
            given.entry(number).or_default().push(run);
        }
        for (number, runs) in given {
            self.send_tasks(number, &runs, now);
        }
    }

    /// A suspect runs alone in its child: whatever kills it is its own doing then.
    fn hand_out_suspect(&mut self, given: &mut BTreeMap<u32, Vec<u64>>, now: Instant) {
        while let Some(&run) = self.suspects.front() {
            if !self.still_waits(run) {
                self.suspects.pop_front();
                continue;
            }
            let most = self.options.max_tasks_per_child;
            let may = |child: &Child| child.is_lasting() && child.tasks_left(most) > 0 && !child.is_retired;
            if let Some((number, child)) =
                self.children.iter_mut().find(|(_, child)| may(child) && child.in_hand.is_empty())
            {
                let number = *number;
                child.is_reserved = true;
                self.suspects.pop_front();
                self.suspect_waits = WAITS_AT_MOST;
                self.give(run, number, now);
                given.entry(number).or_default().push(run);
                continue;
            }
            // One child is kept free at a time: the others work on.
            if !self.children.values().any(|child| child.is_reserved && may(child)) {
                let others = self.children.values_mut().filter(|child| may(child));
                if let Some(least) = others.min_by_key(|child| child.in_hand.len()) {
                    least.is_reserved = true;
                }
            }
            return;
        }
        // The one that a child was kept free for does not come any more.
        let runs = &self.runs;
        let is_suspect = |run: &u64| runs.get(run).is_some_and(|hand| hand.task.is_suspect());
        for child in self.children.values_mut().filter(|child| child.is_reserved) {
            child.is_reserved = child.in_hand.iter().any(is_suspect);
        }
    }

    fn still_waits(&mut self, run: u64) -> bool {
        match self.runs.get(&run) {
            Some(hand) if hand.is_abandoned() => {
                self.runs.remove(&run);
                false
            }
            Some(hand) => hand.child.is_none(),
            None => false,
        }
    }

    fn give(&mut self, run: u64, number: u32, now: Instant) {
        if let (Some(hand), Some(child)) = (self.runs.get_mut(&run), self.children.get_mut(&number)) {
            (hand.child, hand.handed_at) = (Some(number), now);
            child.in_hand.insert(run);
            child.handed += 1;
        }
    }

    fn send_tasks(&mut self, number: u32, runs: &[u64], now: Instant) {
        let bodies = runs.iter().filter_map(|run| {
            let hand = self.runs.get(run)?;
            Some(TaskBody::whole(*run, &self.options.stores[hand.store], &hand.task))
        });
        // None is longer than can be: `task_body::problem` has looked at all that is not small.
        let frames = frames_of(bodies).unwrap_or_default();
        let Some(child) = self.children.get(&number) else { return };
        child.line.send(frames);
        let is_exhausted = child.tasks_left(self.options.max_tasks_per_child) == 0;
        self.look_at = self.look_at.min(now + LOOK_SOON);
        if is_exhausted {
            self.exhaust(number, now);
        }
    }

    /// It has all the tasks that it may have: it stops when it has run them.
    fn exhaust(&mut self, number: u32, now: Instant) {
        let Some(child) = self.children.get(&number) else { return };
        let why = format!("it has had {} tasks", child.handed);
        self.retire(number, &why, now);
        if let Some(child) = self.children.get_mut(&number)
            && child.in_hand.is_empty()
        {
            child.stop(now);
        }
    }

    pub(super) fn take_results(&mut self, number: u32, results: Vec<RunResult>, now: Instant) {
        let Some(child) = self.children.get_mut(&number) else { return };
        let before = child.in_hand.len();
        let (mut ended, mut backs, mut took) = (0, Vec::new(), None);
        for result in results {
            let run = result.run;
            let end = if child.in_hand.contains(&run) {
                result.end()
            } else {
                Err(format!("a result of run {run}, which it does not have"))
            };
            match end {
                Ok(end) => {
                    child.in_hand.remove(&run);
                    match end {
                        End::Back => backs.push(run),
                        End::Reported(report) => {
                            let Some(hand) = self.runs.remove(&run) else { continue };
                            ended += 1;
                            took = Some(now.saturating_duration_since(hand.handed_at));
                            if child.wants_finished {
                                let claim = (hand.store, hand.task.id.0, hand.task.fence);
                                remember(&mut self.ran, claim, (run, number));
                            }
                            let _ = hand.reply.send(report);
                        }
                    }
                }
                Err(nonsense) => child.kill(Doom::Nonsense(nonsense)),
            }
        }
        child.ended += ended;
        if let Some(took) = took {
            child.pace.ended(usize::try_from(ended).unwrap_or(usize::MAX), before, took);
            self.starts.end_a_run();
        }
        if child.in_hand.is_empty() {
            (child.idle_since, child.is_reserved) = (now, false);
        }
        // In their old order.
        backs.sort_unstable();
        backs.into_iter().rev().for_each(|run| self.put_back(run));
        if ended > 0 {
            self.mind_memory(number, now);
        }
        if self.children.get(&number).is_some_and(|child| child.tasks_left(self.options.max_tasks_per_child) == 0) {
            self.exhaust(number, now);
        }
    }

    /// Asks a child for what it has not begun.
    pub(super) fn recall(&mut self, number: u32, runs: &[u64], now: Instant) {
        let mut frames = Vec::new();
        if !runs.is_empty()
            && let Some(child) = self.children.get(&number)
            && message::write(&mut frames, kind::RECALL, &Recall { runs }).is_ok()
        {
            child.line.send(frames);
        }
        for run in runs {
            if let Some(hand) = self.runs.get_mut(run) {
                hand.recalled_at.get_or_insert(now);
            }
        }
    }

    /// The worker has dropped the run.
    pub(super) fn abandon(&mut self, run: u64, now: Instant) {
        let Some(hand) = self.runs.get(&run) else { return };
        match hand.child {
            None => drop(self.runs.remove(&run)),
            Some(number) => {
                self.recall(number, &[run], now);
                // It may have begun.
                self.look_at = now;
            }
        }
    }

    /// Nothing new begins.
    pub(super) fn wrap_up(&mut self, now: Instant) {
        self.wraps_up = true;
        let waiting: Vec<u64> = self.suspects.drain(..).chain(self.waiting.drain(..)).collect();
        for run in waiting {
            if self.runs.get(&run).is_some_and(|hand| hand.child.is_none()) {
                self.answer(run, Err(Failure::given_back()));
            }
        }
        for number in self.children.keys().copied().collect::<Vec<_>>() {
            let runs: Vec<u64> = self.children[&number].in_hand.iter().copied().collect();
            self.recall(number, &runs, now);
        }
    }

    pub(super) fn tell_capacity(&self) {
        let most = self.options.max_tasks_per_child;
        let capacity = self.children.values().map(|child| child.in_hand.len() + child.room(most));
        self.shared.set_capacity(if self.wraps_up { 0 } else { capacity.sum() });
        let ready = self.children.values().filter(|child| child.is_lasting());
        self.shared.set_ready(ready.count());
    }
}

fn remember(ran: &mut super::Ran, claim: (usize, i64, i64), by: (u64, u32)) {
    /// An end that was refused is not told, and what is remembered of it stays.
    const MOST: usize = 16_384;
    if ran.len() >= MOST {
        ran.clear();
    }
    ran.insert(claim, by);
}

fn frames_of<'a>(bodies: impl Iterator<Item = TaskBody<'a>>) -> Result<Vec<u8>, WrongLength> {
    let mut buffer = Vec::new();
    let mut bodies = bodies.peekable();
    while bodies.peek().is_some() {
        let mut frame = FrameWriter::begin(&mut buffer, kind::TASKS);
        frame.body().extend_from_slice(b"{\"tasks\":[");
        let mut separator: &[u8] = b"";
        while frame.written() < FULL
            && let Some(body) = bodies.next()
        {
            frame.body().extend_from_slice(separator);
            // Writing to memory does not fail, and the body has no map.
            let _ = serde_json::to_writer(&mut *frame.body(), &body);
            separator = b",";
        }
        frame.body().extend_from_slice(b"]}");
        frame.end()?;
    }
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameReader;
    use crate::pool::rehearsal::Rehearsal;
    use signalpost_store::NewTask;
    use std::time::Duration;
    use tokio::sync::oneshot::error::TryRecvError;

    #[test]
    fn many_tasks_go_in_few_frames_none_of_them_too_long() {
        let payload = format!(r#"{{"named": {{"text": "{}"}}}}"#, "x".repeat(300_000));
        let task = Task::without_store(NewTask::new("s", "r", payload.clone()));
        let frames = frames_of((1..=10).map(|run| TaskBody::whole(run, "default", &task))).unwrap();
        let (mut reader, mut runs, mut count) = (FrameReader::default(), Vec::new(), 0);
        reader.push(&frames);
        while let Some((kind, body)) = reader.next_frame().unwrap() {
            assert_eq!(kind, b'T');
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            let tasks = body["tasks"].as_array().unwrap();
            assert!(tasks.iter().all(|task| task["payload"] == *payload));
            runs.extend(tasks.iter().map(|task| task["run"].as_u64().unwrap()));
            count += 1;
        }
        assert_eq!(runs, (1..=10).collect::<Vec<_>>());
        assert_eq!(count, 3);
    }

    #[test]
    fn a_suspect_goes_to_a_child_that_is_free_whichever_was_kept_for_it() {
        let mut rehearsal = Rehearsal::new(2);
        let _answers = [rehearsal.run(0).1, rehearsal.run(0).1];
        rehearsal.turn(Duration::ZERO);
        let (suspect, _answer) = rehearsal.run(2);
        rehearsal.turn(Duration::ZERO);
        assert!(rehearsal.child(1).is_reserved);
        // The other one is free first.
        rehearsal.ends(2, 2);
        rehearsal.turn(Duration::ZERO);
        assert!(rehearsal.child(2).in_hand.contains(&suspect));
        assert!(!rehearsal.child(1).is_reserved && rehearsal.child(2).is_reserved);
    }

    #[test]
    fn a_suspect_does_not_wait_for_a_child_that_is_ending() {
        let mut rehearsal = Rehearsal::new(2);
        let _answers = [rehearsal.run(0).1, rehearsal.run(0).1];
        rehearsal.turn(Duration::ZERO);
        let (_, _answer) = rehearsal.run(2);
        rehearsal.turn(Duration::ZERO);
        rehearsal.pool.children.get_mut(&1).unwrap().stop(rehearsal.now);
        rehearsal.turn(Duration::ZERO);
        assert!(rehearsal.child(2).is_reserved);
    }

    #[test]
    fn a_suspect_for_which_no_child_becomes_free_is_given_back_later_each_time() {
        let mut rehearsal = Rehearsal::new(2);
        let _answers = [rehearsal.run(0).1, rehearsal.run(0).1];
        rehearsal.turn(Duration::ZERO);
        for times in [1, 2, 4] {
            let (_, mut answer) = rehearsal.run(2);
            rehearsal.turn(times * WAITS_AT_MOST - Duration::from_millis(1));
            assert_eq!(answer.try_recv(), Err(TryRecvError::Empty));
            rehearsal.turn(Duration::from_secs(1));
            assert_eq!(answer.try_recv(), Ok(Err(Failure::given_back())));
            rehearsal.turn(Duration::ZERO);
            assert!(!rehearsal.child(1).is_reserved && !rehearsal.child(2).is_reserved);
        }
    }
}
