//! The worker's loop: claims, starts, reports, stops. It owns what the worker holds; everything that takes time runs
//! elsewhere and comes back as a [`Happening`].

mod asking;
mod claiming;
mod reporting;
mod running;

use std::sync::Arc;
use std::time::Duration;

use signalpost_store::{Finish, Outcome, Store, TaskId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::claimed_task::Cancels;
use crate::gates::Gates;
use crate::happening::Happening;
use crate::health::WorkerState;
use crate::in_hand::{Hold, InHand};
use crate::keeper::SharedLease;
use crate::pace::Pace;
use crate::shares::Shares;
use crate::stop::Stage;
use crate::trouble::Trouble;
use crate::{Executor, Failure, Health, WorkerOptions};
use asking::Asking;
use claiming::{DRAIN_FIRST, QUEUED_AT_MOST};

/// Hints can get lost: an idle worker looks by itself this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long to leave the store alone after it has failed.
const AFTER_FAILURE: Duration = Duration::from_millis(200);
/// After a forced stop: how long to wait for runs to notice that they were aborted.
const ABORT_TAKES: Duration = Duration::from_secs(1);

/// What connects the driver with the rest of its worker.
pub(crate) struct Wires {
    pub(crate) lease: SharedLease,
    /// Has the lease renewed at once.
    pub(crate) renew_now: Arc<Notify>,
    pub(crate) trouble: Trouble,
    pub(crate) happenings: (UnboundedSender<Happening>, UnboundedReceiver<Happening>),
    pub(crate) stop: watch::Receiver<Stage>,
    pub(crate) health: Health,
    /// Has the loop turn.
    pub(crate) look_again: Arc<Notify>,
    /// Whether the worker ends when nothing is due.
    pub(crate) ends_when_drained: bool,
}

pub(crate) struct Driver {
    store: Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    options: WorkerOptions,
    lease: SharedLease,
    renew_now: Arc<Notify>,
    trouble: Trouble,
    sender: UnboundedSender<Happening>,
    happenings: UnboundedReceiver<Happening>,
    stop: watch::Receiver<Stage>,
    health: Health,
    look_again: Arc<Notify>,
    ends_when_drained: bool,

    in_hand: InHand,
    cancels: Cancels,
    free_slots: usize,
    pace: Pace,
    gates: Gates,
    shares: Shares,
    // The store's time at the newest claim.
    store_now: i64,

    reports: Vec<Finish>,
    oldest_report: Instant,
    // How many batches are under way.
    reporting: usize,
    report_not_before: Instant,
    // The newest answer was a failure.
    reports_fail: bool,
    // How many reports are still made one by one, to find the one that the store refuses.
    report_singly: usize,

    asking: Asking,
    // Ends when the newest claim has been told of.
    newest_claim: Option<JoinHandle<()>>,
    claim_at: Instant,
    // After a failure: no change makes it earlier.
    claim_not_before: Instant,
    // Since the newest claim was made: it did not ask for what may begin now.
    gate_opened: bool,
    // What was claimed ahead was given back: the runs under way have to end first.
    stalled: bool,
    // The newest claim has found nothing that is due.
    found_nothing: bool,
    change_seen: u64,
    // The store may hold tasks for this worker that it does not know of.
    unclear: bool,
    // When it is asked to give those back in any case.
    compare_at: Instant,
    suspect_is_due: bool,
    drain_until: Option<Instant>,
    drain_for: Duration,
    suspect_not_before: Instant,
    // One was given back because its gate was shut.
    suspect_waits: bool,

    stage: Stage,
    stop_until: Option<Instant>,
}

impl Driver {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        executor: Arc<dyn Executor>,
        options: WorkerOptions,
        wires: Wires,
    ) -> Self {
        let Wires {
            lease,
            renew_now,
            trouble,
            happenings: (sender, happenings),
            stop,
            health,
            look_again,
            ends_when_drained,
        } = wires;
        let now = Instant::now();
        Self {
            free_slots: options.concurrency,
            change_seen: store.change_count(),
            in_hand: InHand::default(),
            cancels: Cancels::default(),
            pace: Pace::new(now),
            gates: Gates::new(&options.queues),
            shares: Shares::new(&options.queues),
            store_now: 0,
            reports: Vec::new(),
            oldest_report: now,
            reporting: 0,
            report_not_before: now,
            reports_fail: false,
            report_singly: 0,
            asking: Asking::default(),
            newest_claim: None,
            claim_at: now,
            claim_not_before: now,
            gate_opened: false,
            stalled: false,
            found_nothing: false,
            unclear: false,
            compare_at: now + options.lease,
            suspect_is_due: false,
            drain_until: None,
            drain_for: DRAIN_FIRST,
            suspect_not_before: now,
            suspect_waits: false,
            stage: Stage::Running,
            stop_until: None,
            store,
            executor,
            options,
            lease,
            renew_now,
            trouble,
            sender,
            happenings,
            stop,
            health,
            look_again,
            ends_when_drained,
        }
    }

    /// Works until it is stopped. `None`: nothing of the worker is left. Otherwise the claims whose code goes on.
    pub(crate) async fn drive(mut self) -> Option<Vec<(TaskId, i64)>> {
        loop {
            let now = Instant::now();
            self.follow_stop(now);
            self.mind_trust(now);
            // Runs have ended, or the executor has more room.
            self.stalled &= !self.has_room();
            self.start_queued(now);
            self.give_back_stalled(now);
            self.report(now);
            self.claim(now);
            if self.ends_when_drained && self.stage == Stage::Running && self.is_drained() {
                self.stage = Stage::Stopping;
            }
            let trusted_until = self.lease.get().trusted_until;
            self.health.turn(self.state(now), self.in_hand.running(), self.in_hand.len(), trusted_until);
            if self.stage > Stage::Running {
                let settled = self.in_hand.len() == 0 && self.asking.is_nothing() && self.reporting == 0;
                let too_long = self.stage == Stage::Forced && self.stop_until.is_some_and(|until| until <= now);
                if settled || too_long {
                    let is_clean = self.in_hand.len() == 0 && self.free_slots == self.options.concurrency;
                    return (!is_clean).then(|| self.in_hand.running_claims());
                }
            }
            let wake_at = self.wake_at(now);
            let waits_for_change = self.may_claim(now) && self.claim_at > now && self.claim_not_before <= now;
            tokio::select! {
                biased;
                happening = self.happenings.recv() => {
                    // The driver holds a sender: the channel never ends.
                    let mut next = happening;
                    while let Some(happening) = next {
                        self.take_in(happening);
                        next = self.happenings.try_recv().ok();
                    }
                }
                changed = self.stop.changed(), if self.stage < Stage::Forced => {
                    if changed.is_err() {
                        self.stage = Stage::Forced;
                    }
                }
                () = self.store.change_after(self.change_seen), if waits_for_change => self.claim_at = Instant::now(),
                () = self.look_again.notified() => {}
                () = sleep_until(wake_at) => {}
            }
        }
    }

    /// The next moment at which something is due by itself. What is considered here must be acted upon when it comes, or
    /// the loop would spin.
    fn wake_at(&self, now: Instant) -> Instant {
        let mut wake_at = now + LOOK_EVERY;
        let mut consider = |at: Instant, matters: bool| {
            if matters {
                wake_at = wake_at.min(at);
            }
        };
        let may_ask =
            self.stage == Stage::Running && self.asking.is_nothing() && self.is_trusted(now) && self.concurrency() > 0;
        let report_at = self.report_at();
        consider(report_at.unwrap_or(now), report_at.is_some());
        consider(self.claim_not_before, may_ask && self.unclear);
        consider(self.compare_at.max(self.claim_not_before), may_ask);
        consider(self.claim_at.max(self.claim_not_before), self.may_claim(now));
        let oldest_queued = self.in_hand.oldest_queued();
        consider(oldest_queued.unwrap_or(now) + QUEUED_AT_MOST, oldest_queued.is_some());
        let gate_opens_at = self.gates.open_at(now);
        consider(gate_opens_at.unwrap_or(now), gate_opens_at.is_some() && oldest_queued.is_some());
        let suspect_at = self.suspect_not_before.max(self.claim_not_before);
        consider(suspect_at, may_ask && self.suspect_waits && !self.unclear);
        consider(self.lease.get().trusted_until, self.in_hand.unfinished() > 0);
        let drain_until = self.drain_until.unwrap_or(now).max(self.claim_not_before);
        consider(drain_until, may_ask && !self.unclear && self.drain_until.is_some());
        consider(self.stop_until.unwrap_or(now), self.stop_until.is_some());
        wake_at
    }

    fn follow_stop(&mut self, now: Instant) {
        let wanted = *self.stop.borrow_and_update();
        if wanted >= Stage::Stopping && self.stage < Stage::Stopping {
            self.stage = Stage::Stopping;
            self.drain_until = None;
            self.stop_until = Some(now + self.options.grace);
            self.cancels.cancel();
            tracing::info!(target: "signalpost::worker", in_hand = self.in_hand.len(), "stopping");
        }
        if self.stage >= Stage::Stopping {
            self.give_back_queued(now, false, now);
        }
        let grace_is_over = self.stage == Stage::Stopping && self.stop_until.is_some_and(|until| until <= now);
        if (wanted == Stage::Forced || grace_is_over) && self.stage < Stage::Forced {
            self.stage = Stage::Forced;
            self.stop_until = Some(now + ABORT_TAKES);
            self.in_hand.abort_running();
        }
    }

    /// Nothing is in hand, nothing was due at the newest claim, and no suspect waits for its turn.
    fn is_drained(&self) -> bool {
        self.found_nothing
            && self.in_hand.len() == 0
            && self.asking.is_nothing()
            && !self.unclear
            && !self.suspect_is_due
            && !self.suspect_waits
    }

    fn state(&self, now: Instant) -> WorkerState {
        match self.stage {
            Stage::Running if self.is_trusted(now) => WorkerState::Working,
            Stage::Running => WorkerState::CutOff,
            Stage::Stopping | Stage::Forced => WorkerState::Stopping,
        }
    }

    fn mind_trust(&mut self, now: Instant) {
        if self.in_hand.unfinished() > 0 && !self.is_trusted(now) {
            tracing::error!(
                target: "signalpost::worker", dropped = self.in_hand.unfinished(),
                "the lease could not be renewed in time: what runs is dropped, as others may take it up. Does a receiver block \
                 its thread?"
            );
            self.forget_unfinished();
        }
    }

    /// Lets go of what has no outcome. The store may go on holding it for this worker.
    fn forget_unfinished(&mut self) {
        self.cancels = Cancels::default();
        for task in self.in_hand.take_queued(Instant::now()) {
            self.gates.forget(&task, false);
        }
        self.in_hand.forget_unfinished();
        self.unclear = true;
        (self.suspect_is_due, self.drain_until) = (false, None);
    }

    fn is_trusted(&self, now: Instant) -> bool {
        now < self.lease.get().trusted_until
    }

    fn take_in(&mut self, happening: Happening) {
        let now = Instant::now();
        match happening {
            Happening::Ended(hold, report, is_completed) => self.take_end(hold, report, is_completed, now),
            Happening::SlotFree(claimed) => {
                self.free_slots += 1;
                if self.gates.end(&claimed.task, now) {
                    (self.gate_opened, self.claim_at) = (true, now);
                }
                let hold = Hold::of(&claimed.task);
                match self.in_hand.end_without_report(hold) {
                    None => {}
                    Some(_) if claimed.is_completed() => self.settle_completed(hold, None),
                    Some((_, _, true)) => self.settle(hold, Outcome::Released, now),
                    Some((task, policy, false)) => {
                        let report = Err(Failure::new("the run ended without a report"));
                        self.settle_run(&task, &policy, report, now);
                    }
                }
            }
            Happening::Claimed(claim, request, worker) => self.take_claim(claim, &request, &worker, now),
            Happening::Reported(batch, answers) => self.take_answers(batch, answers, now),
            Happening::GivenBack(given_back) => {
                self.asking.given_back();
                match given_back {
                    Ok(_) => {}
                    Err(error) => {
                        self.unclear = true;
                        if let Some(untold) = self.trouble.note() {
                            tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), untold, "cannot give tasks back");
                        }
                        self.claim_not_before = now + AFTER_FAILURE;
                    }
                }
            }
            Happening::LeaseRenewed => {}
            Happening::Rescued => self.claim_what_was_rescued(now),
            Happening::LeaseLost => {
                self.forget_unfinished();
                self.claim_at = now;
            }
        }
    }
}
