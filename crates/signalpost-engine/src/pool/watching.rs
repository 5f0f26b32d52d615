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
const WAITS_AT_MOST: Duration = Duration::from_millis(500);
/// How long a child that has nothing to do any more may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

impl Pool {
    /// Looks at everybody, when it is time to.
    pub(super) fn watch(&mut self, now: Instant) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK_LATE;
        for number in self.children.keys().copied().collect::<Vec<_>>() {
            self.look_at_child(number, now);
        }
        self.give_back_waiting(now);
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
        for run in &child.in_hand {
            let Some(hand) = self.runs.get(run) else { continue };
            if begun.contains_key(run) {
                abandoned |= hand.is_abandoned();
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
        let (in_hand, has_begun) = (child.in_hand.len(), child.in_hand.iter().filter(|run| begun.contains_key(run)));
        child.pace.look(in_hand, has_begun.count(), oldest, now);
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
    fn give_back_waiting(&mut self, now: Instant) {
        let is_late = |run: &u64| {
            let hand = self.runs.get(run);
            hand.is_some_and(|hand| hand.child.is_none() && now >= hand.came_at + WAITS_AT_MOST)
        };
        // A suspect waits until a child has nothing else in hand, which can take as long as a run takes.
        let late: Vec<u64> = self.waiting.iter().copied().filter(is_late).collect();
        for run in late {
            self.answer(run, Err(Failure::given_back()));
        }
        self.waiting.retain(|run| self.runs.contains_key(run));
        if !self.waiting.is_empty() {
            self.look_at = self.look_at.min(now + LOOK);
        }
    }
}
