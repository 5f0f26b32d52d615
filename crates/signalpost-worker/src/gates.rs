//! What holds runs back besides the worker's own concurrency: limits of queues and of receivers.

use std::collections::{BTreeMap, HashMap, VecDeque};

use signalpost_store::Task;
use tokio::time::Instant;

use crate::{Queue, Rate, ReceiverPolicy};

/// The limits of one queue or one receiver, and how far they are used.
#[derive(Debug)]
struct Gate {
    concurrency: Option<usize>,
    rate: Option<Rate>,
    queued: usize,
    running: usize,
    // When the newest runs began, the oldest first; as many as the rate counts.
    began: VecDeque<Instant>,
    // What was claimed ahead was given back: no more of that before a run has ended.
    stalled: bool,
}

impl Gate {
    fn new(concurrency: Option<usize>, rate: Option<Rate>) -> Self {
        Self { concurrency, rate, queued: 0, running: 0, began: VecDeque::new(), stalled: false }
    }

    /// How many runs may begin now.
    fn free(&self, now: Instant) -> usize {
        let by_concurrency = self.concurrency.map_or(usize::MAX, |most| most.saturating_sub(self.running));
        by_concurrency.min(self.within_rate(now))
    }

    fn within_rate(&self, now: Instant) -> usize {
        let Some(rate) = self.rate else { return usize::MAX };
        let recent = self.began.iter().rev().take_while(|began| **began + rate.within > now).count();
        (rate.runs as usize).saturating_sub(recent)
    }

    /// How many more tasks the worker may hold: what may begin now, and as many again as run at once, to be ready when
    /// those end.
    fn room(&self, now: Instant) -> usize {
        let ahead = if self.stalled { 0 } else { self.concurrency.unwrap_or(0) };
        let most = self.free(now).saturating_add(ahead).min(self.within_rate(now));
        most.saturating_sub(self.queued)
    }

    /// When the rate lets the next run begin, if it is the rate that does not now.
    fn opens_at(&self, now: Instant) -> Option<Instant> {
        let rate = self.rate?;
        if self.within_rate(now) > 0 {
            return None;
        }
        let oldest_counted = self.began.len().checked_sub(rate.runs as usize)?;
        Some(self.began[oldest_counted] + rate.within)
    }

    fn begin(&mut self, now: Instant) {
        self.queued = self.queued.saturating_sub(1);
        self.running += 1;
        if let Some(rate) = self.rate {
            if self.began.len() >= rate.runs as usize {
                self.began.pop_front();
            }
            self.began.push_back(now);
        }
    }
}

/// The limits of all queues and receivers that have any.
#[derive(Debug)]
pub(crate) struct Gates {
    queues: HashMap<String, Gate>,
    receivers: HashMap<String, Gate>,
}

impl Gates {
    pub(crate) fn new(queues: &[Queue]) -> Self {
        let limited = queues.iter().filter(|queue| queue.concurrency.is_some() || queue.rate.is_some());
        let gates = limited.map(|queue| (queue.name.clone(), Gate::new(queue.concurrency, queue.rate)));
        Self { queues: gates.collect(), receivers: HashMap::new() }
    }

    /// True when nothing has a limit.
    pub(crate) fn none(&self) -> bool {
        self.queues.is_empty() && self.receivers.is_empty()
    }

    fn of(&mut self, task: &Task) -> impl Iterator<Item = &mut Gate> {
        self.queues.get_mut(&task.queue).into_iter().chain(self.receivers.get_mut(&task.receiver))
    }

    /// The task was claimed.
    pub(crate) fn add(&mut self, task: &Task, policy: &ReceiverPolicy) {
        if (policy.concurrency.is_some() || policy.rate.is_some()) && !self.receivers.contains_key(&task.receiver) {
            self.receivers.insert(task.receiver.clone(), Gate::new(policy.concurrency, policy.rate));
        }
        self.of(task).for_each(|gate| gate.queued += 1);
    }

    pub(crate) fn is_open(&self, task: &Task, now: Instant) -> bool {
        let gates = [self.queues.get(&task.queue), self.receivers.get(&task.receiver)];
        gates.into_iter().flatten().all(|gate| gate.free(now) > 0)
    }

    /// The task's run begins.
    pub(crate) fn begin(&mut self, task: &Task, now: Instant) {
        self.of(task).for_each(|gate| gate.begin(now));
    }

    /// The task is held no more, and was never begun. `stalled`: because its turn has not come for too long.
    pub(crate) fn forget(&mut self, task: &Task, stalled: bool) {
        self.of(task).for_each(|gate| {
            gate.queued = gate.queued.saturating_sub(1);
            gate.stalled |= stalled;
        });
    }

    /// No code of the task's run goes on any more. Says whether a gate has opened by it.
    pub(crate) fn end(&mut self, task: &Task, now: Instant) -> bool {
        let mut opened = false;
        self.of(task).for_each(|gate| {
            opened |= gate.room(now) == 0;
            (gate.running, gate.stalled) = (gate.running.saturating_sub(1), false);
        });
        opened
    }

    /// How many more tasks of a queue may be held.
    pub(crate) fn room(&self, queue: &str, now: Instant) -> usize {
        self.queues.get(queue).map_or(usize::MAX, |gate| gate.room(now))
    }

    /// How many more tasks of each receiver may be held that has a limit.
    pub(crate) fn room_of_receivers(&self, now: Instant) -> BTreeMap<String, usize> {
        // More than any claim takes, where only a rate is given that is not used up: JSON knows no larger ones.
        const NO_LIMIT: usize = 1 << 31;
        let room = self.receivers.iter().map(|(receiver, gate)| (receiver.clone(), gate.room(now).min(NO_LIMIT)));
        room.collect()
    }

    /// When the task's gates let it begin by themselves, if it is a rate that does not now.
    pub(crate) fn opens_for(&self, task: &Task, now: Instant) -> Option<Instant> {
        let gates = [self.queues.get(&task.queue), self.receivers.get(&task.receiver)];
        gates.into_iter().flatten().filter_map(|gate| gate.opens_at(now)).max()
    }

    /// When the next gate opens by itself.
    pub(crate) fn open_at(&self, now: Instant) -> Option<Instant> {
        self.queues.values().chain(self.receivers.values()).filter_map(|gate| gate.opens_at(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn no_more_runs_begin_within_any_stretch_than_the_rate_says() {
        let mut gate = Gate::new(None, Some(Rate::new(3, Duration::from_secs(1))));
        let start = Instant::now();
        let mut began = Vec::new();
        for tenth in 0..50 {
            let now = start + Duration::from_millis(100) * tenth;
            while gate.free(now) > 0 {
                gate.begin(now);
                began.push(now);
            }
            assert!(gate.opens_at(now).is_some_and(|at| at > now));
        }
        assert_eq!(began.len(), 15);
        assert!(began.windows(4).all(|four| four[3] - four[0] >= Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_holds_what_runs_and_as_many_again() {
        let now = Instant::now();
        let mut gate = Gate::new(Some(2), None);
        assert_eq!(gate.room(now), 4);
        gate.queued = 4;
        gate.begin(now);
        gate.begin(now);
        assert_eq!((gate.free(now), gate.room(now)), (0, 0));
        gate.queued = 0;
        assert_eq!(gate.room(now), 2);
        gate.stalled = true;
        assert_eq!(gate.room(now), 0);
    }
}
