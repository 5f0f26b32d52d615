//! When a child has ended: who is charged for it.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use signalpost_store::Task;
use signalpost_worker::{Backoff, Failure};
use tokio::time::Instant;

use super::Pool;
use super::children::{Child, Doom};
use crate::child::Ending;
use crate::event::Event;
use crate::task_body::TaskBody;

/// A child that dies so soon by itself, and has done nothing, is not replaced at once.
const EARLY: Duration = Duration::from_secs(10);
/// A task that was in the hands of so many children when they died has something to do with it, though it never began.
const LOSES_AT_MOST: u32 = 3;

impl Pool {
    /// A child is gone, and all that it has said was taken.
    pub(super) fn bury(&mut self, number: u32, ending: &Ending, now: Instant) {
        let Some(mut child) = self.children.remove(&number) else { return };
        self.tell_again(&mut child, ending, now);
        let Some(ready_at) = child.ready_at else { return self.bury_unborn(number, child, ending, now) };
        let how = match &child.doom {
            Some(Doom::Nonsense(nonsense)) => format!("its frames make no sense: {nonsense}"),
            Some(Doom::Silent(limit)) => format!("it has not answered for {limit:?}"),
            _ => ending.how.clone(),
        };
        let is_expected = match &child.doom {
            None => child.stopped_at.is_some() && ending.is_clean && child.in_hand.is_empty(),
            Some(Doom::Nonsense(_) | Doom::NoStart(_) | Doom::Silent(_)) => false,
            Some(Doom::TimedOut { .. } | Doom::Abandoned | Doom::Stopped) => true,
        };
        let charged = self.settle_hand(number, &child, &how, is_expected, now);
        if is_expected {
            return;
        }
        // A task that kills its children does not do so for long; what dies by itself may.
        if charged.is_empty() && child.ended == 0 && now < ready_at + EARLY {
            self.starts.die_early(now);
        }
        let tasks = match charged.len() {
            0 => "no task had begun in it".to_owned(),
            1 => "a task has met a death".to_owned(),
            several => format!("{several} tasks have met a death"),
        };
        let event = Event::new("error", format!("child {number} has died: {how}; {tasks}")).kind("died");
        self.tell(event.field("child", number).field("pid", child.pid).field("how", how).tasks(charged), now);
    }

    fn bury_unborn(&mut self, number: u32, child: Child, ending: &Ending, now: Instant) {
        let why = match (child.excuse, child.doom) {
            (_, Some(Doom::Stopped)) => return,
            (Some(excuse), _) => excuse,
            (None, Some(Doom::NoStart(why) | Doom::Nonsense(why))) => why,
            (None, _) => format!("{} before its hello", ending.how),
        };
        self.fail_start(number, child.started_at, &why, now);
    }

    /// Settles all that the child had in hand; says who is charged with a death.
    fn settle_hand(&mut self, number: u32, child: &Child, how: &str, is_expected: bool, now: Instant) -> Vec<Value> {
        // What has run to its end and was not told has begun as well.
        let runs = child.page.taken().into_iter().map(|slot| slot.run);
        let begun: HashSet<u64> = runs.chain(child.page.ended()).collect();
        let mut charged = Vec::new();
        // The first ones are put back last, and so are the first again.
        for run in child.in_hand.iter().rev().copied() {
            let Some(hand) = self.runs.get_mut(&run) else { continue };
            let has_begun = hand.has_begun || begun.contains(&run);
            hand.lost += u32::from(!is_expected);
            match &child.doom {
                Some(Doom::TimedOut { run: blamed, timeout, max_attempts }) if *blamed == run => {
                    let reason = format!("timed out after {timeout:?}");
                    self.tell_timeout(number, run, &reason, now);
                    let report = self.runs.get(&run).map(|hand| timed_out(&hand.task, &reason, *max_attempts));
                    report.into_iter().for_each(|report| self.answer(run, Err(report)));
                }
                _ if has_begun && is_expected => self.answer(run, Err(Failure::given_back())),
                _ if has_begun || (!is_expected && hand.lost >= LOSES_AT_MOST) => {
                    charged.extend(self.head(run, how));
                    self.answer(run, Err(Failure::death(how)));
                }
                _ => self.put_back(run),
            }
        }
        charged
    }

    fn tell_timeout(&mut self, number: u32, run: u64, reason: &str, now: Instant) {
        let Some(hand) = self.runs.get(&run) else { return };
        let (id, receiver) = (hand.task.id, &hand.task.receiver);
        let message = format!("task {id} of {receiver} {reason}: child {number} was killed");
        let event = Event::new("error", message).kind("timed_out").field("child", number);
        let tasks = self.head(run, reason).into_iter().collect();
        self.tell(event.tasks(tasks), now);
    }

    fn head(&self, run: u64, reason: &str) -> Option<Value> {
        let hand = self.runs.get(&run)?;
        let head = TaskBody::head(run, &self.options.stores[hand.store], &hand.task).because(reason);
        serde_json::to_value(head).ok()
    }
}

/// What a timeout means: only the child knew how often the receiver may fail. It is a failure while the engine stops, too: the
/// receiver has had its time.
fn timed_out(task: &Task, reason: &str, max_attempts: u32) -> Failure {
    let failures = task.failures() + 1;
    match failures >= max_attempts {
        true => Failure::permanent(format!("failure {failures} of {max_attempts}: {reason}")),
        false => Failure::retry_after(Backoff::default().jittered(failures), reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signalpost_store::NewTask;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_last_timeout_ends_a_task() {
        let mut task = Task::without_store(NewTask::new("s", "r", "{}"));
        let is_retried = |task: &Task| {
            let failure = timed_out(task, "timed out after 1s", 2);
            failure.reason == "timed out after 1s" && failure.wanted_delay().is_some_and(|delay| delay <= SECOND)
        };
        assert!(is_retried(&task));
        task.attempt = 2;
        assert_eq!(timed_out(&task, "timed out after 1s", 2), Failure::permanent("failure 2 of 2: timed out after 1s"));
        // A death is no failure.
        task.deaths = 1;
        assert!(is_retried(&task));
    }
}
