//! Telling the store what has become of tasks.

use std::collections::BTreeSet;
use std::time::Duration;

use signalpost_store::{EndState, Finish, Outcome, State, Store, StoreError};
use tokio::time::Instant;

use super::{AFTER_FAILURE, Driver};
use crate::happening::Happening;
use crate::in_hand::Hold;
use crate::verdict;

/// Reports go to the store at once when nothing else is in hand, and otherwise when the oldest has waited this long
/// or there are enough for a batch.
const REPORT_AFTER: Duration = Duration::from_millis(5);
/// What has run and is not recorded when the process dies will run again: so no more than this begins before the store
/// has answered, unless as many run at once.
const UNREPORTED_AT_MOST: usize = 512;

impl Driver {
    /// Settles a claim that did not run.
    pub(super) fn settle(&mut self, hold: Hold, outcome: Outcome, now: Instant) {
        self.in_hand.set_reported(hold);
        let Hold { task, fence } = hold;
        self.push_report(Finish { task, fence, outcome, then: Vec::new(), keeps_success: true }, now);
    }

    pub(super) fn push_report(&mut self, finish: Finish, now: Instant) {
        if self.reports.is_empty() {
            self.oldest_report = now;
        }
        self.reports.push(finish);
    }

    /// Whether another run may begin: its end has to be reported.
    pub(super) fn may_report_more(&self) -> bool {
        let under_way = self.in_hand.len() - self.in_hand.queued();
        under_way < UNREPORTED_AT_MOST.max(self.options.concurrency)
    }

    /// When what has gathered is reported. `None`: when more has gathered, or an answer has come.
    pub(super) fn report_at(&self) -> Option<Instant> {
        // One batch gathers while the others are written.
        let at_once = self.store.works_at_once();
        let is_batch = self.reports.len() >= UNREPORTED_AT_MOST / (at_once + 1) || !self.may_report_more();
        let at = match self.reporting {
            _ if self.reports.is_empty() => return None,
            0 if is_batch || self.in_hand.unfinished() == 0 => self.report_not_before,
            0 => (self.oldest_report + REPORT_AFTER).max(self.report_not_before),
            // Only a full batch is worth another commit now.
            under_way if is_batch && under_way < at_once => self.report_not_before,
            _ => return None,
        };
        Some(at)
    }

    pub(super) fn report(&mut self, now: Instant) {
        if self.report_at().is_none_or(|at| now < at) {
            return;
        }
        let most = if self.report_singly > 0 { 1 } else { UNREPORTED_AT_MOST };
        let batch: Vec<Finish> = self.reports.drain(..most.min(self.reports.len())).collect();
        self.oldest_report = now;
        self.reporting += 1;
        let (store, worker, sender) = (self.store.clone(), self.lease.get().worker, self.sender.clone());
        tokio::spawn(async move {
            let mut answers = store.finish_if_leased(&worker, batch.clone()).await;
            if let Ok(answers) = &mut answers {
                recognise(&*store, &batch, answers).await;
            }
            let _ = sender.send(Happening::Reported(batch, answers));
        });
    }

    pub(super) fn take_answers(
        &mut self,
        mut batch: Vec<Finish>,
        answers: Result<Vec<bool>, StoreError>,
        now: Instant,
    ) {
        self.reporting -= 1;
        self.reports_fail = answers.is_err();
        match answers {
            Ok(answers) => {
                self.report_singly = self.report_singly.saturating_sub(1);
                let mut overtaken = Vec::new();
                for (finish, accepted) in batch.into_iter().zip(answers) {
                    let Some(task) = self.in_hand.remove(Hold { task: finish.task, fence: finish.fence }) else {
                        continue;
                    };
                    if accepted {
                        self.executor.finished(&task, &finish.outcome);
                    } else {
                        overtaken.push(task);
                    }
                }
                if !overtaken.is_empty() {
                    // Should the store go on holding another claim of one for this worker, it is given back.
                    self.unclear = true;
                    let receivers: BTreeSet<&str> = overtaken.iter().map(|task| &*task.receiver).collect();
                    let tasks: Vec<i64> = overtaken.iter().map(|task| task.id.0).collect();
                    tracing::warn!(
                        target: "signalpost::worker", ?tasks, ?receivers,
                        "overtaken: what these runs reported was refused"
                    );
                }
            }
            Err(error) => {
                if let Some(untold) = self.trouble.note() {
                    let reports = batch.len();
                    tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), untold, reports, "cannot report");
                }
                self.report_not_before = now + AFTER_FAILURE;
                // One report that the store cannot take must not hold up the others, nor be lost itself. Whatever
                // else is wrong is not the reports' doing.
                if let Some(outcome) = verdict::of_refusal(&error) {
                    match &mut batch[..] {
                        // Not even that is taken: tried again after a pause, behind the others.
                        [only] if matches!(only.outcome, Outcome::Dead { .. }) => {
                            self.reports.append(&mut batch);
                            return;
                        }
                        [only] => (only.outcome, only.then) = (outcome, Vec::new()),
                        several => self.report_singly += several.len(),
                    }
                    self.report_not_before = now;
                }
                batch.append(&mut self.reports);
                self.reports = batch;
            }
        }
    }
}

/// A report whose answer was lost is made again, and refused then: it is in the history already, by its fence.
async fn recognise(store: &dyn Store, batch: &[Finish], answers: &mut [bool]) {
    for (finish, answer) in batch.iter().zip(answers).filter(|(_, answer)| !**answer) {
        let end = match finish.outcome {
            Outcome::Succeeded { .. } => EndState::Succeeded,
            Outcome::Dead { .. } => EndState::Dead,
            _ => continue,
        };
        // What is not known is not claimed.
        let record = store.task(finish.task).await.ok().flatten();
        *answer = record.is_some_and(|it| it.fence == finish.fence && it.state == State::Ended(end));
    }
}
