//! The protocol: which steps its rules allow, and what each does.

use crate::state::{Attempt, Id, Lease, Phase, Row, State, Worker};
use crate::step::{Act, Step, Verdict};

/// The protocol as it is, or with one rule changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rules {
    AsWritten,
    FinishGuardedByRunning,
    FinishGuardedByWorker,
    FinishGuardedByAttempt,
    ClaimWithoutLease,
    LeftIsForgotten,
    OwnClockIgnored,
    NothingGivenBack,
    GivenBackDuringClaims,
    HeldByTaskAlone,
    /// As written, for an atomic receiver: what it writes and its task's success are one transaction.
    Atomic,
    EffectsBeforeTheFinish,
    MovedRowsNotCounted,
}

impl Rules {
    /// The receiver's writes are followed.
    pub fn are_about_effects(self) -> bool {
        matches!(self, Rules::Atomic | Rules::EffectsBeforeTheFinish | Rules::MovedRowsNotCounted)
    }

    fn complete_with_effects(self) -> bool {
        matches!(self, Rules::Atomic | Rules::MovedRowsNotCounted)
    }
}

/// The steps that may come next, each with the state after it.
pub struct Next<'a> {
    from: &'a State,
    pub steps: Vec<(Step, State)>,
}

impl<'a> Next<'a> {
    pub fn new(from: &'a State) -> Self {
        let mut next = Next { from, steps: Vec::new() };
        for &attempt in &from.attempts {
            let worker = from.workers[attempt.id.owner()];
            if !worker.frozen {
                next.add_steps_of_attempt(attempt, worker);
            }
        }
        for worker in from.workers {
            next.add_steps_of_worker(worker);
        }
        for (&id, &lease) in &from.leases {
            next.add_steps_of_lease(id, lease);
        }
        next.add_rescues_of_what_was_left();
        next
    }

    fn add(&mut self, act: Act, id: Id, attempt: Option<Attempt>, effect: impl FnOnce(&mut State)) {
        if self.from.allows(act) {
            let mut after = self.from.clone();
            after.faults |= act.fault();
            effect(&mut after);
            // Their order says nothing, and must not tell states apart.
            after.attempts.sort_unstable();
            self.steps.push((Step { act, id, attempt }, after));
        }
    }

    fn add_steps_of_attempt(&mut self, a: Attempt, worker: Worker) {
        match a.phase {
            Phase::Asked => {
                self.add(Act::HearAnswer, a.id, Some(a), |s| s.enter(Phase::Claimed, a));
                self.add(Act::LoseAnswer, a.id, Some(a), |s| {
                    s.forget(a);
                    s.worker(a.id).unsure = true;
                });
            }
            Phase::Claimed => {
                if may_start(self.from, worker) {
                    self.add(Act::Start, a.id, Some(a), |s| {
                        s.tasks[a.task].starts += 1;
                        s.enter(Phase::Started, a);
                    });
                }
                for verdict in [Verdict::Release, Verdict::Death] {
                    self.add_end(a, verdict);
                }
            }
            Phase::Started => {
                for verdict in [Verdict::Failure, Verdict::FailureForGood, Verdict::Death] {
                    self.add_end(a, verdict);
                }
                if self.from.rules.complete_with_effects() {
                    self.add_completions(a);
                } else {
                    self.add_end(a, Verdict::Success);
                }
            }
            Phase::Over(verdict) => {
                let accepted = accepts_finish(self.from, a);
                for answer_lost in [false, true] {
                    self.add(Act::Finish { accepted, answer_lost }, a.id, Some(a), |s| {
                        if accepted {
                            s.tasks[a.task].finish(verdict);
                        }
                        if !answer_lost {
                            s.forget(a);
                        }
                    });
                }
            }
        }
    }

    fn add_end(&mut self, a: Attempt, verdict: Verdict) {
        self.add(Act::End(verdict), a.id, Some(a), |s| {
            let task = &mut s.tasks[a.task];
            task.newest_succeeded |= verdict == Verdict::Success && task.fence == a.fence;
            task.effects += u8::from(verdict == Verdict::Success && s.rules == Rules::EffectsBeforeTheFinish);
            s.enter(Phase::Over(verdict), a);
        });
    }

    /// The commit of an atomic receiver. What moves no row is rolled back, and has failed; so it seems to a worker that
    /// does not hear of its commit.
    fn add_completions(&mut self, a: Attempt) {
        let accepted = accepts_finish(self.from, a);
        for answer_lost in [false, true] {
            self.add(Act::Complete { accepted, answer_lost }, a.id, Some(a), |s| {
                let is_counted = s.rules != Rules::MovedRowsNotCounted;
                let task = &mut s.tasks[a.task];
                task.effects += u8::from(accepted || !is_counted);
                if accepted {
                    task.newest_succeeded = true;
                    task.finish(Verdict::Success);
                }
                match accepted && !answer_lost {
                    true => s.forget(a),
                    false => s.enter(Phase::Over(Verdict::Failure), a),
                }
            });
        }
    }

    fn add_steps_of_worker(&mut self, worker: Worker) {
        let (from, id) = (self.from, worker.id);
        if !worker.alive {
            self.add(Act::Restart, id, None, |s| s.begin(id.next()));
            return;
        }
        self.add(Act::Kill, id, None, |s| {
            s.attempts.retain(|a| a.id.owner() != id.owner());
            *s.worker(id) = Worker { alive: false, ..Worker::new(id) };
        });
        if worker.frozen {
            self.add(Act::Thaw, id, None, |s| s.worker(id).frozen = false);
            return;
        }
        self.add(Act::Freeze, id, None, |s| (s.worker(id).frozen, s.worker(id).blind) = (true, true));
        if worker.trusts {
            self.add(Act::CutOff, id, None, |s| s.worker(id).trusts = false);
        }
        if from.lease(id).is_some() {
            self.add(Act::Renew, id, None, |s| {
                s.leases.insert(id, Lease::Valid);
                (s.worker(id).trusts, s.worker(id).blind) = (true, false);
            });
        } else {
            self.add(Act::FindLeaseGone, id, None, |s| {
                // What runs cannot always be cancelled, and what is on its way to the store cannot be called back.
                s.attempts.retain(|a| a.id != id || !matches!(a.phase, Phase::Asked | Phase::Claimed));
                s.begin(id.next());
            });
        }
        if may_give_back(from, worker) {
            self.add(Act::GiveBack, id, None, |s| give_back(s, id));
        }
        if may_claim(from, worker) {
            for (n, task) in from.tasks.iter().enumerate().filter(|(_, t)| t.row == Row::Waiting) {
                let (fence, number, phase) = (task.fence + 1, task.attempt + 1, Phase::Asked);
                let a = Attempt { task: n, id, fence, number, phase, lapsed: from.lease(id) != Some(Lease::Valid) };
                self.add(Act::Claim, a.id, Some(a), |s| {
                    let task = &mut s.tasks[n];
                    (task.fence, task.attempt) = (fence, number);
                    (task.row, task.newest_succeeded) = (Row::Running(id), false);
                    s.attempts.push(a);
                });
            }
        }
    }

    fn add_steps_of_lease(&mut self, id: Id, lease: Lease) {
        let worker = self.from.workers[id.owner()];
        // Trust ends before the lease; only who cannot look at a clock outlives the lease in good faith.
        let is_held = self.from.lives(id) && worker.trusts && !worker.frozen;
        if lease == Lease::Valid && !is_held {
            self.add(Act::LeaseExpires, id, None, |s| {
                s.leases.insert(id, Lease::Expired);
                for attempt in s.attempts.iter_mut().filter(|a| a.id == id) {
                    attempt.lapsed = true;
                }
            });
        }
        let lock_is_free = !self.from.lives(id);
        let has_rescuer = self.from.workers.iter().any(|w| w.id != id && w.is_awake() && w.trusts);
        if has_rescuer && (lock_is_free || lease == Lease::Expired) {
            self.add(Act::IsRescued, id, None, |s| {
                s.leases.remove(&id);
                s.tasks.iter_mut().for_each(|task| task.is_freed_from(id));
            });
            // Whoever has a task locked keeps it from being freed with the others.
            for (left, _) in self.from.tasks.iter().enumerate().filter(|(_, t)| t.row == Row::Running(id)) {
                self.add(Act::IsRescuedInPart, id, None, |s| {
                    s.leases.remove(&id);
                    let others = s.tasks.iter_mut().enumerate().filter(|(n, _)| *n != left);
                    others.for_each(|(_, task)| task.is_freed_from(id));
                });
            }
        }
    }

    fn add_rescues_of_what_was_left(&mut self) {
        // What is claimed without a lease could be taken up and claimed again for ever: that run has no end to explore.
        let is_never = matches!(self.from.rules, Rules::LeftIsForgotten | Rules::ClaimWithoutLease);
        if is_never || !self.from.workers.iter().any(|w| w.is_awake() && w.trusts) {
            return;
        }
        for (n, task) in self.from.tasks.iter().enumerate() {
            if let Row::Running(id) = task.row
                && self.from.lease(id).is_none()
            {
                self.add(Act::LeftIsRescued, id, None, |s| s.tasks[n].is_freed_from(id));
            }
        }
    }
}

fn may_start(s: &State, worker: Worker) -> bool {
    worker.trusts || s.rules == Rules::OwnClockIgnored
}

fn may_claim(s: &State, worker: Worker) -> bool {
    let is_leased = s.lease(worker.id).is_some() || s.rules == Rules::ClaimWithoutLease;
    let is_sure = !worker.unsure || s.rules == Rules::NothingGivenBack;
    is_leased && is_sure && may_start(s, worker)
}

fn may_give_back(s: &State, worker: Worker) -> bool {
    let is_claiming = s.attempts.iter().any(|a| a.id == worker.id && a.phase == Phase::Asked);
    let may_now = !is_claiming || s.rules == Rules::GivenBackDuringClaims;
    worker.unsure && may_now && s.rules != Rules::NothingGivenBack
}

fn give_back(s: &mut State, id: Id) {
    s.worker(id).unsure = false;
    for (n, task) in s.tasks.iter_mut().enumerate().filter(|(_, t)| t.row == Row::Running(id)) {
        let mut known = s.attempts.iter().filter(|a| a.task == n && a.phase != Phase::Asked);
        let is_held = match s.rules {
            Rules::HeldByTaskAlone => known.any(|a| a.id.owner() == id.owner()),
            _ => known.any(|a| a.id == id && a.fence == task.fence),
        };
        if !is_held {
            task.finish(Verdict::Release);
        }
    }
}

fn accepts_finish(s: &State, of: Attempt) -> bool {
    let task = s.tasks[of.task];
    let is_its_own = task.row == Row::Running(of.id);
    match s.rules {
        Rules::FinishGuardedByRunning => matches!(task.row, Row::Running(_)),
        Rules::FinishGuardedByWorker => is_its_own,
        Rules::FinishGuardedByAttempt => is_its_own && task.attempt == of.number,
        _ => is_its_own && task.fence == of.fence,
    }
}
