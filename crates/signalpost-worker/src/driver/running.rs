//! From a claim to its run, and from the run's end to what is reported.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use signalpost_store::{Finish, Outcome, Task};
use tokio::time::Instant;

use super::Driver;
use crate::happening::Happening;
use crate::in_hand::{Hold, Queued};
use crate::run::{self, Report, Run, Slot};
use crate::stop::Stage;
use crate::verdict::Terms;
use crate::{ClaimedTask, Failure, ReceiverPolicy, verdict};

impl Driver {
    /// Takes in what was claimed.
    pub(super) fn admit(&mut self, task: Task, now: Instant) {
        let task = Arc::new(task);
        match verdict::of_look_up(&*self.executor, &task, self.options.unknown_grace, self.store_now) {
            Ok(policy) => {
                self.gates.add(&task, &policy);
                self.in_hand.add(task, policy, now);
            }
            Err(outcome) => {
                verdict::log(&task, &outcome);
                let hold = Hold::of(&task);
                self.in_hand.add_reported(task);
                self.settle(hold, outcome, now);
            }
        }
    }

    fn claimed(&self, task: &Arc<Task>) -> ClaimedTask {
        let mut claimed = ClaimedTask::new(task.clone(), self.lease.get().worker);
        claimed.cancellation = self.cancels.token();
        claimed.keeps_success = !self.options.forgets_successes_of(&task.queue);
        claimed
    }

    pub(super) fn start_queued(&mut self, now: Instant) {
        while self.has_room() && self.may_report_more() && self.is_trusted(now) {
            let Some(Queued { task, policy, .. }) = self.in_hand.next_queued(&self.gates, now) else { return };
            let hold = Hold::of(&task);
            let claimed = self.claimed(&task);
            let run = catch_unwind(AssertUnwindSafe(|| self.executor.run(claimed.clone()))).unwrap_or_else(|panic| {
                let report = run::panicked(panic);
                Run::asynchronous(async move { report })
            });
            self.executor.started(&task);
            self.free_slots -= 1;
            self.gates.begin(&task, now);
            let (cancellation, sender) = (claimed.cancellation.clone(), self.sender.clone());
            let slot = Slot { claimed: claimed.clone(), happenings: self.sender.clone() };
            let ends = move |report| drop(sender.send(Happening::Ended(hold, report, claimed.is_completed())));
            let abort = run::start(run, policy.timeout, cancellation, Arc::new(slot), ends);
            self.in_hand.set_running(hold, abort, policy);
        }
    }

    pub(super) fn take_end(&mut self, hold: Hold, report: Report, is_completed: bool, now: Instant) {
        let Some((task, policy)) = self.in_hand.end_run(hold) else { return };
        self.pace.count_run(now);
        if is_completed {
            self.settle_completed(hold, report.err());
        } else {
            self.settle_run(&task, &policy, report, now);
        }
    }

    /// The run has itself recorded its success: there is nothing to report.
    pub(super) fn settle_completed(&mut self, hold: Hold, failure: Option<Failure>) {
        let Some(task) = self.in_hand.remove(hold) else { return };
        if let Some(Failure { reason, .. }) = failure {
            tracing::warn!(
                target: "signalpost::worker", task = %task.id, receiver = task.receiver, attempt = task.attempt, reason,
                "failed after it had committed its task's success: the task has succeeded"
            );
        }
        self.executor.finished(&task, &Outcome::Succeeded { result: None });
    }

    pub(super) fn settle_run(&mut self, task: &Task, policy: &ReceiverPolicy, report: Report, now: Instant) {
        let terms = Terms {
            unknown_grace: self.options.unknown_grace,
            max_deaths_alone: self.options.max_deaths_alone,
            now: self.store_now,
            is_stopping: self.stage >= Stage::Stopping,
        };
        let (outcome, then) = verdict::of_run(task, policy, report, &terms);
        verdict::log(task, &outcome);
        let mut finish = Finish::new(task, outcome);
        (finish.then, finish.keeps_success) = (then, !self.options.forgets_successes_of(&task.queue));
        self.push_report(finish, now);
    }
}
