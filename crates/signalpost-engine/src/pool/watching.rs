//! Watching over children: what has begun, whose time is over, what waits too long.

use std::collections::HashMap;
use std::time::Duration;

use signalpost_worker::Failure;
use tokio::time::Instant;

use super::Pool;
use super::children::Doom;
use super::pace::BEGINS_WITHIN;
use crate::page::{Slot, monotonic_nanos};

/// How often a child is looked at in which something has not begun.
pub(super) const LOOK_SOON: Duration = Duration::from_millis(10);
/// And one in which something runs, and may have a deadline.
const LOOK: Duration = Duration::from_millis(50);
/// And when nothing is to be seen.
const LOOK_LATE: Duration = Duration::from_secs(1);
/// What has waited in a child for so long is taken from it, even if no other has room: another worker may.
pub(super) const WAITS_AT_MOST: Duration = Duration::from_millis(500);
/// A suspect keeps its worker from claiming while it waits. Each time in vain the next one may do so for twice as long, so that one has
/// its turn beside long runs of another store, too.
const SUSPECT_WAITS_AT_MOST: Duration = Duration::from_secs(300);
/// How long a child that has nothing to do any more may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

impl Pool {
    /// Looks at everybody, when it is time to. True: it was.
    pub(super) fn watch(&mut self, now: Instant) -> bool {
        if now < self.look_at {
            return false;
        }
        self.look_at = now + LOOK_LATE;
        match self.kill_at {
            Some(kill_at) if kill_at <= now => self.kill_children(),
            Some(kill_at) => self.look_at = self.look_at.min(kill_at),
            None => {}
        }
        for number in self.children.keys().copied().collect::<Vec<_>>() {
            self.look_at_child(number, now);
        }
        self.let_go_of_events(now);
        true
    }

    fn look_at_child(&mut self, number: u32, now: Instant) {
        let Some(child) = self.children.get_mut(&number) else { return };
        if child.doom.is_some() {
            return;
        }
        if child.ready_at.is_none() {
            let until = child.started_at + self.options.start_timeout;
            if until <= now {
                let limit = self.options.start_timeout;
                child.kill(Doom::NoStart(format!("it has not said hello within {limit:?}")));
            } else {
                self.look_at = self.look_at.min(until);
            }
            return;
        }
        if let Some(stopped_at) = child.stopped_at.filter(|_| child.in_hand.is_empty()) {
            let until = stopped_at.max(child.idle_since) + STOPS_WITHIN;
            if until <= now {
                child.kill(Doom::Stopped);
            } else {
                self.look_at = self.look_at.min(until);
            }
        }
        if child.in_hand.is_empty() {
            return;
        }
        let begun: HashMap<u64, Slot> = child.page.taken().into_iter().map(|slot| (slot.run, slot)).collect();
        let clock = monotonic_nanos();
        let is_over = |slot: &&Slot| slot.deadline.is_some_and(|deadline| deadline <= clock);
        let overdue = begun.values().filter(is_over).find(|slot| child.in_hand.contains(&slot.run)).copied();
        if let Some(slot) = overdue {
            // A slot that was just being written is not the same when it is read again.
            if child.page.taken().contains(&slot) {
                let Slot { run, timeout, max_attempts, .. } = slot;
                return child.kill(Doom::TimedOut { run, timeout, max_attempts });
            }
        }
        let (mut waits, mut abandoned, mut oldest, mut unanswered) = (Vec::new(), false, None, None);
        let ended = child.page.ended();
        for run in &child.in_hand {
            let Some(hand) = self.runs.get_mut(run) else { continue };
            hand.has_begun |= begun.contains_key(run) || ended.contains(run);
            if begun.contains_key(run) {
                abandoned |= hand.is_abandoned();
            } else if hand.has_begun {
                // Its result is on the way.
                unanswered = [unanswered, Some(*hand.ended_at.get_or_insert(now))].into_iter().flatten().min();
            } else {
                oldest = oldest.max(Some(now.saturating_duration_since(hand.handed_at)));
                unanswered = [unanswered, hand.recalled_at].into_iter().flatten().min();
                if hand.recalled_at.is_none() {
                    waits.push((*run, now.saturating_duration_since(hand.handed_at)));
                }
            }
        }
        if abandoned {
            return child.kill(Doom::Abandoned);
        }
        // Stopped, or a receiver holds the interpreter's lock: what waits in it waits for nothing.
        if unanswered.is_some_and(|at| at + self.options.answer_timeout <= now) {
            return child.kill(Doom::Silent(self.options.answer_timeout));
        }
        let at_work = child.in_hand.iter().filter(|run| begun.contains_key(run)).count();
        child.pace.look(child.in_hand.len(), at_work, oldest, now);
        let limit = if self.others_have_room(number) { BEGINS_WITHIN } else { WAITS_AT_MOST };
        let recalled: Vec<u64> = waits.into_iter().filter(|(_, waited)| *waited > limit).map(|(run, _)| run).collect();
        self.recall(number, &recalled, now);
        self.look_at = self.look_at.min(now + if oldest.is_some() { LOOK_SOON } else { LOOK });
    }

    /// Whether what one child has no thread for could begin in another one.
    fn others_have_room(&self, number: u32) -> bool {
        let most = self.options.max_tasks_per_child;
        let mut others = self.children.iter().filter(|(other, _)| **other != number);
        others.any(|(_, child)| child.room(most) > child.in_hand.len())
    }

    /// No child had room for them: another worker may.
    pub(super) fn give_back_waiting(&mut self, now: Instant) {
        let awaits_child = self.awaits_child(now);
        let is_late = |run: &u64, at_most: Duration| {
            self.runs.get(run).is_some_and(|hand| {
                // How many children were lost with it is known here alone; and a fresh child takes a suspect at once.
                let waits_for_child = awaits_child && (hand.lost > 0 || hand.task.is_suspect());
                hand.child.is_none() && !waits_for_child && now >= hand.came_at + at_most
            })
        };
        let mut late: Vec<u64> = self.suspects.iter().copied().filter(|run| is_late(run, self.suspect_waits)).collect();
        if !late.is_empty() {
            self.suspect_waits = (2 * self.suspect_waits).min(SUSPECT_WAITS_AT_MOST);
        }
        late.extend(self.waiting.iter().copied().filter(|run| is_late(run, WAITS_AT_MOST)));
        for run in late {
            self.answer(run, Err(Failure::given_back()));
        }
        for queue in [&mut self.suspects, &mut self.waiting] {
            queue.retain(|run| self.runs.contains_key(run));
            if !queue.is_empty() {
                self.look_at = self.look_at.min(now + LOOK);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::rehearsal::Rehearsal;
    use crate::pool::{Message, PoolState};
    use tokio::sync::oneshot::error::TryRecvError;

    const LONG: Duration = Duration::from_secs(100);

    #[test]
    fn a_run_that_has_ended_and_is_not_told_of_yet_is_not_unanswered() {
        let mut rehearsal = Rehearsal::new(1);
        let (run, mut answer) = rehearsal.run(0);
        rehearsal.turn(Duration::ZERO);
        rehearsal.pool.recall(1, &[run], rehearsal.now);
        rehearsal.child(1).page.write_slot(0, [run, 0, 0, 10]);
        rehearsal.turn(LONG);
        // Another run has ended in that slot since.
        rehearsal.child(1).page.write_slot(0, [0, 0, 0, 0]);
        rehearsal.child(1).page.write_ended(0, 1 << 40);
        let window = rehearsal.child(1).pace.window();
        rehearsal.turn(LONG);
        assert_eq!((&rehearsal.child(1).doom, rehearsal.child(1).pace.window()), (&None, window));
        rehearsal.ends(1, run);
        assert!(answer.try_recv().unwrap().is_ok());
    }

    #[test]
    fn a_child_that_does_not_say_how_a_run_has_ended_is_killed() {
        let mut rehearsal = Rehearsal::new(1);
        let (run, mut answer) = rehearsal.run(0);
        rehearsal.turn(Duration::ZERO);
        rehearsal.child(1).page.write_ended(0, run);
        rehearsal.turn(LOOK_LATE);
        rehearsal.turn(LONG);
        assert!(matches!(rehearsal.child(1).doom, Some(Doom::Silent(_))));
        // It has run, whatever stands there now.
        rehearsal.child(1).page.write_ended(0, 0);
        rehearsal.dies(1);
        assert_eq!(answer.try_recv(), Ok(Err(Failure::death("it has not answered for 30s"))));
    }

    #[test]
    fn a_run_that_was_too_short_to_be_seen_is_not_unanswered_either() {
        let mut rehearsal = Rehearsal::new(1);
        let (run, _answer) = rehearsal.run(0);
        rehearsal.turn(Duration::ZERO);
        rehearsal.pool.recall(1, &[run], rehearsal.now);
        rehearsal.child(1).page.write_ended(0, run);
        rehearsal.turn(LONG);
        assert_eq!(rehearsal.child(1).doom, None);
    }

    #[test]
    fn a_child_that_neither_begins_a_run_nor_gives_it_back_is_killed() {
        let mut rehearsal = Rehearsal::new(1);
        let (run, _answer) = rehearsal.run(0);
        rehearsal.turn(Duration::ZERO);
        rehearsal.pool.recall(1, &[run], rehearsal.now);
        rehearsal.turn(LONG);
        assert_eq!(rehearsal.child(1).doom, Some(Doom::Silent(rehearsal.pool.options.answer_timeout)));
    }

    #[test]
    fn what_no_child_has_room_for_is_given_back() {
        let mut rehearsal = Rehearsal::new(1);
        let mut answers: Vec<_> = (0..9).map(|_| rehearsal.run(0).1).collect();
        rehearsal.turn(Duration::ZERO);
        rehearsal.turn(WAITS_AT_MOST);
        let answer = answers.pop().unwrap().try_recv();
        assert_eq!(answer, Ok(Err(Failure::given_back())));
        assert_eq!(answers[0].try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn what_has_cost_children_their_lives_is_kept_until_it_is_charged() {
        // One that runs alone, too.
        for deaths in [0, 2] {
            let mut rehearsal = Rehearsal::new(1);
            let (_, mut answer) = rehearsal.run(deaths);
            for child in 1..=3 {
                rehearsal.turn(Duration::ZERO);
                assert_eq!(answer.try_recv(), Err(TryRecvError::Empty));
                rehearsal.dies(child);
                // A fresh one takes longer than a run may wait.
                rehearsal.start();
                rehearsal.turn(LONG / 10);
                rehearsal.greet(child + 1);
            }
            assert_eq!(answer.try_recv(), Ok(Err(Failure::death("killed by signal 11 (SIGSEGV)"))));
        }
    }

    #[test]
    fn what_was_recalled_is_offered_to_others_before_it_is_given_back() {
        let mut rehearsal = Rehearsal::new(1);
        let (run, mut answer) = rehearsal.run(0);
        rehearsal.turn(Duration::ZERO);
        rehearsal.turn(2 * WAITS_AT_MOST);
        rehearsal.says(1, b'r', &format!(r#"{{"results": [{{"run": {run}, "back": {{}}}}]}}"#));
        rehearsal.turn(LOOK_LATE);
        assert_eq!(answer.try_recv(), Err(TryRecvError::Empty));
        assert!(rehearsal.child(1).in_hand.contains(&run));
    }

    #[test]
    fn when_the_grace_is_over_everybody_is_killed() {
        let mut rehearsal = Rehearsal::new(2);
        let (run, _answer) = rehearsal.run(0);
        rehearsal.turn(Duration::ZERO);
        rehearsal.child(1).page.write_slot(0, [run, 0, 0, 10]);
        let kill_at = rehearsal.now + LOOK_LATE;
        rehearsal.pool.take(Message::Stop { kill_at }, rehearsal.now);
        rehearsal.turn(Duration::ZERO);
        assert_eq!((&rehearsal.child(1).doom, &rehearsal.child(2).doom), (&None, &None));
        assert!(rehearsal.pool.wake_at(rehearsal.now) <= kill_at);
        rehearsal.turn(LOOK_LATE);
        let doom = &Some(Doom::Stopped);
        assert_eq!((&rehearsal.child(1).doom, &rehearsal.child(2).doom), (doom, doom));
    }

    #[test]
    fn nobody_is_started_while_the_engine_stops_and_nothing_is_made_of_failures() {
        let mut rehearsal = Rehearsal::new(1);
        rehearsal.pool.take(Message::WrapUp, rehearsal.now);
        rehearsal.pool.take(Message::ReplaceAll, rehearsal.now);
        assert!(!rehearsal.child(1).is_retired);
        for child in 1..=10 {
            rehearsal.dies(child);
            rehearsal.turn(LONG);
            assert_eq!(rehearsal.pool.starts_at(rehearsal.now), None);
            rehearsal.start();
        }
        assert!(matches!(&*rehearsal.handle.state.borrow(), PoolState::Ready { .. }));
    }
}
