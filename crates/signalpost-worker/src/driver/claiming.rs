//! When to claim, how much, and what to give back.

use std::time::Duration;

use signalpost_store::{Claim, ClaimRequest, Outcome, QueueShare, StoreError, WorkerId};
use tokio::time::Instant;

use super::{AFTER_FAILURE, Driver, LOOK_EVERY};
use crate::Queue;
use crate::happening::Happening;
use crate::in_hand::Hold;
use crate::stop::Stage;

/// How long a suspect may keep the worker from claiming while others end. Each time in vain the next drain is twice as long,
/// so that a suspect has its turn beside long receivers too. The first ones are short: every worker sees the same suspect,
/// and what a dead one has left is not to wait for all of them.
pub(super) const DRAIN_FIRST: Duration = Duration::from_millis(250);
const DRAIN_AT_MOST: Duration = Duration::from_secs(300);
/// From a drain in vain to the next one, as a multiple of it, and at most.
const SUSPECT_AGAIN: (u32, Duration) = (10, Duration::from_secs(30));
/// A drain that was at least so long does not wait for code that could not be stopped: it may go on in its slot for ever.
const STUCK_AFTER: Duration = Duration::from_secs(4);
/// What was claimed ahead and could not be started for so long is given back: another worker may have room.
pub(super) const QUEUED_AT_MOST: Duration = Duration::from_secs(1);

impl Driver {
    /// Whether a claim would be made now if there were reason to.
    pub(super) fn may_claim(&self, now: Instant) -> bool {
        self.stage == Stage::Running
            // One that keeps to limits has to know what the one before it has brought.
            && self.asking.may_claim(if self.gates.none() { self.store.works_at_once() } else { 1 })
            && !self.must_compare(now)
            && !self.in_hand.holds_a_suspect()
            && self.drain_until.is_none()
            && !self.stalled
            // Reports that do not get through are held, and so is what they are about.
            && (self.may_report_more() || !self.reports_fail)
            && self.room(now) > 0
            && self.is_trusted(now)
    }

    /// Whether what the store may hold for this worker has to be given back before anything is claimed. A claim whose answer
    /// was lost may reach the store long after, on a line that was interrupted: so this comes now and then in any case.
    fn must_compare(&self, now: Instant) -> bool {
        self.unclear || now >= self.compare_at
    }

    /// How many runs may be under way: as many as the settings say, if the executor can have so many.
    pub(super) fn concurrency(&self) -> usize {
        self.options.concurrency.min(self.executor.capacity())
    }

    /// Whether one more run may begin.
    pub(super) fn has_room(&self) -> bool {
        self.options.concurrency - self.free_slots < self.concurrency()
    }

    fn room(&self, now: Instant) -> usize {
        let concurrency = self.concurrency();
        if concurrency == 0 {
            return 0;
        }
        let hold = self.pace.hold(concurrency, now);
        let expected = self.in_hand.unfinished() + self.asking.tasks();
        let room = hold.saturating_sub(expected);
        // Few large claims rather than many small ones; what one has brought runs while the others are on their way.
        if room * (self.store.works_at_once() + 1) >= hold || expected < concurrency { room } else { 0 }
    }

    pub(super) fn claim(&mut self, now: Instant) {
        if self.stage > Stage::Running || !self.is_trusted(now) || now < self.claim_not_before {
            return;
        }
        // The executor can run nothing at all: what was claimed would only be kept from others.
        if self.concurrency() == 0 {
            return;
        }
        if self.must_compare(now) {
            // What a claim brings that is under way would be given back.
            if self.asking.is_nothing() {
                self.give_back_unknown(now);
            }
            return;
        }
        if self.suspect_waits && self.suspect_not_before <= now {
            (self.suspect_waits, self.suspect_is_due) = (false, true);
        }
        if self.suspect_is_due {
            let drain_until = *self.drain_until.get_or_insert(now + self.drain_for);
            let is_over = drain_until <= now && self.drain_for >= STUCK_AFTER;
            let is_alone = self.free_slots == self.options.concurrency || is_over;
            if self.in_hand.len() == 0 && self.asking.is_nothing() && is_alone {
                (self.suspect_is_due, self.drain_until) = (false, None);
                self.drain_for = DRAIN_FIRST;
                self.send_claim(ClaimRequest::suspect(self.options.queues.iter().map(Queue::name)));
                return;
            }
            if drain_until > now {
                return;
            }
            self.put_suspect_off(now);
            self.drain_for = (self.drain_for * 2).min(DRAIN_AT_MOST);
        }
        if self.may_claim(now) && self.claim_at <= now {
            let seen = self.store.change_count();
            match self.request(now) {
                Some(request) => self.send_claim(request),
                // What has changed until now does not open a gate.
                None => (self.change_seen, self.claim_at) = (seen, self.look_again_at(now)),
            }
        }
    }

    /// Ends a drain. The claims that follow say whether a suspect is due, when it may have its turn again.
    fn put_suspect_off(&mut self, now: Instant) {
        let (times, at_most) = SUSPECT_AGAIN;
        (self.suspect_is_due, self.drain_until) = (false, None);
        self.suspect_not_before = now + (self.drain_for * times).min(at_most);
    }

    /// What a dead worker had in hand waits again, and has waited for long enough.
    pub(super) fn claim_what_was_rescued(&mut self, now: Instant) {
        if self.drain_until.is_some() {
            self.put_suspect_off(now);
            self.claim_at = now;
        }
    }

    /// What to ask for: every queue's share of the room, as far as its gate lets tasks in. `None`: every gate is shut.
    fn request(&mut self, now: Instant) -> Option<ClaimRequest> {
        let limit = self.room(now);
        let room: Vec<usize> =
            self.options.queues.iter().map(|queue| self.gates.room(queue.name(), now).min(limit)).collect();
        let shares = self.shares.hand_out(limit, &room);
        let of_queue = |((queue, share), most): ((&Queue, usize), usize)| QueueShare {
            queue: queue.name().to_owned(),
            share,
            most,
        };
        let all = self.options.queues.iter().zip(shares).zip(room.iter().copied()).map(of_queue);
        let mut request = ClaimRequest::shared(all.filter(|share| share.most > 0).collect(), limit);
        request.limited = self.gates.room_of_receivers(now);
        (!request.queues.is_empty()).then_some(request)
    }

    /// When to look again if nothing calls for it earlier.
    fn look_again_at(&self, now: Instant) -> Instant {
        self.gates.open_at(now).map_or(now + LOOK_EVERY, |at| at.min(now + LOOK_EVERY))
    }

    fn send_claim(&mut self, request: ClaimRequest) {
        (self.gate_opened, self.found_nothing) = (false, false);
        // Before the claim: what is committed after it must wake us.
        self.change_seen = self.store.change_count();
        self.asking.claim(&request);
        let (store, worker, sender) = (self.store.clone(), self.lease.get().worker, self.sender.clone());
        let before = self.newest_claim.take();
        // A task of its own, because a claim that is cancelled half-way may have claimed.
        self.newest_claim = Some(tokio::spawn(async move {
            let claim = store.claim(&worker, &request).await;
            // In the order in which they were made: a worker that runs one task at a time runs them in theirs.
            if let Some(before) = before {
                let _ = before.await;
            }
            let _ = sender.send(Happening::Claimed(claim, request, worker));
        }));
    }

    fn give_back_unknown(&mut self, now: Instant) {
        // What becomes unclear from now on is not made clear by this.
        self.asking.give_back();
        self.unclear = false;
        self.compare_at = now + self.options.lease;
        let (store, worker, sender) = (self.store.clone(), self.lease.get().worker, self.sender.clone());
        let held = self.in_hand.claims();
        tokio::spawn(async move {
            let _ = sender.send(Happening::GivenBack(store.release_all_but(&worker, &held).await));
        });
    }

    /// Claimed ahead, and its turn has not come: others may have room.
    pub(super) fn give_back_stalled(&mut self, now: Instant) {
        if self.in_hand.oldest_queued().is_some_and(|claimed_at| claimed_at + QUEUED_AT_MOST <= now) {
            self.stalled |= !self.has_room();
            self.give_back_queued(now - QUEUED_AT_MOST, true, now);
        }
    }

    /// Gives back what was claimed until then and not started.
    pub(super) fn give_back_queued(&mut self, claimed_until: Instant, stalled: bool, now: Instant) {
        for task in self.in_hand.take_queued(claimed_until) {
            if stalled && task.is_suspect() && self.has_room() {
                // Its gate is shut. It comes first when that opens, or what else waits would use it up each time.
                let again = self.gates.opens_for(&task, now).unwrap_or(now + SUSPECT_AGAIN.1);
                (self.suspect_not_before, self.suspect_waits) = (again, true);
            }
            self.gates.forget(&task, stalled);
            self.settle(Hold::of(&task), Outcome::Released, now);
        }
    }

    pub(super) fn take_claim(
        &mut self,
        claim: Result<Claim, StoreError>,
        request: &ClaimRequest,
        worker: &WorkerId,
        now: Instant,
    ) {
        let is_newest = self.asking.take_claim(request);
        if *worker != self.lease.get().worker {
            // An answer that outlived its lease: what it claimed was rescued with the lease.
            self.claim_at = now;
            return;
        }
        match claim {
            Ok(claim) => {
                self.store_now = claim.now;
                self.found_nothing = claim.tasks.is_empty() && !claim.suspect_is_due;
                let full = claim.tasks.len() >= request.limit;
                let wait = if full || request.suspect { Duration::ZERO } else { claim.next_due.unwrap_or(LOOK_EVERY) };
                // A suspect that is due does not call for another look at the rest.
                let wait = if claim.suspect_is_due && !full { LOOK_EVERY } else { wait };
                // A gate that opened while the claim was under way was not asked for.
                let wait = if self.gate_opened { Duration::ZERO } else { wait.min(LOOK_EVERY) };
                // What the next one brings says more.
                if is_newest {
                    self.claim_at = (now + wait).min(self.look_again_at(now));
                }
                self.suspect_is_due |= claim.suspect_is_due && now >= self.suspect_not_before;
                for task in claim.tasks {
                    self.admit(task, now);
                }
            }
            Err(error) if error.is_lease_lost() => {
                self.forget_unfinished();
                self.claim_not_before = now + AFTER_FAILURE;
                self.renew_now.notify_one();
            }
            Err(error) => {
                if let Some(untold) = self.trouble.note() {
                    tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), untold, "cannot claim tasks");
                }
                self.unclear = true;
                self.claim_not_before = now + AFTER_FAILURE;
            }
        }
    }
}
