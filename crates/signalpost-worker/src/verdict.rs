//! What becomes of a task: the policy of failures and of receivers that nobody knows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use signalpost_store::{NewTask, Outcome, StoreError, Task};

use crate::executor::Retry;
use crate::run::Report;
use crate::{Executor, Failure, Known, ReceiverPolicy, run};

/// What the worker says about ends in general.
pub(crate) struct Terms {
    pub(crate) unknown_grace: Duration,
    pub(crate) max_deaths_alone: u32,
    /// The store's time.
    pub(crate) now: i64,
    pub(crate) is_stopping: bool,
}

/// How a claimed task wants to be run; or what becomes of it, where it cannot be. `now` is the store's.
pub(crate) fn of_look_up(
    executor: &dyn Executor,
    task: &Task,
    unknown_grace: Duration,
    now: i64,
) -> Result<ReceiverPolicy, Outcome> {
    match catch_unwind(AssertUnwindSafe(|| executor.look_up(task))) {
        Ok(Known::As(policy)) if task.headers.is_some() => Ok(policy),
        Ok(Known::As(_)) => Err(Outcome::Dead { reason: "its headers are not a JSON object of texts".to_owned() }),
        Ok(Known::Not(missing)) => Err(of_unknown(task, &missing, unknown_grace, now)),
        Err(panic) => {
            let terms = Terms { unknown_grace, max_deaths_alone: 1, now, is_stopping: false };
            Err(of_run(task, &ReceiverPolicy::default(), run::panicked(panic), &terms).0)
        }
    }
}

/// What a run that has ended means, and the tasks that follow from it.
pub(crate) fn of_run(task: &Task, policy: &ReceiverPolicy, report: Report, terms: &Terms) -> (Outcome, Vec<NewTask>) {
    match report {
        Ok(success) => (Outcome::Succeeded { result: success.result }, success.then),
        Err(failure) => (of_failure(task, policy, failure, terms), Vec::new()),
    }
}

/// What a failed run means.
fn of_failure(task: &Task, policy: &ReceiverPolicy, failure: Failure, terms: &Terms) -> Outcome {
    let failures = task.failures() + 1;
    let Failure { reason, retry } = failure;
    match retry {
        Retry::GivenBack => return Outcome::Released,
        Retry::Unknown => return of_unknown(task, &reason, terms.unknown_grace, terms.now),
        Retry::Death => return of_death(task, reason, terms.max_deaths_alone),
        Retry::Backoff | Retry::After(_) | Retry::Never => {}
    }
    // It was told to wrap up: what it could not do in time another worker will.
    if terms.is_stopping && retry == Retry::Backoff {
        tracing::info!(
            target: "signalpost::worker", task = %task.id, receiver = task.receiver, attempt = task.attempt, reason,
            "ended with an error while the worker stops; given back"
        );
        return Outcome::Released;
    }
    if failures >= policy.max_attempts && retry != Retry::Never {
        return Outcome::Dead { reason: format!("failure {failures} of {}: {reason}", policy.max_attempts) };
    }
    match retry {
        Retry::Never => Outcome::Dead { reason },
        Retry::After(after) => Outcome::Retry { after, reason },
        _ => Outcome::Retry { after: policy.backoff.jittered(failures), reason },
    }
}

/// What it means that its runner has died: as in a rescue.
fn of_death(task: &Task, reason: String, max_deaths_alone: u32) -> Outcome {
    // The first two may have been a neighbour's doing.
    let alone = (task.deaths + 1).saturating_sub(2);
    if alone >= max_deaths_alone {
        return Outcome::Dead { reason: format!("what ran it died {alone} times while it ran alone: {reason}") };
    }
    Outcome::Died { reason }
}

/// What it means that the receiver is not known here. `now` is the store's.
fn of_unknown(task: &Task, missing: &str, grace: Duration, now: i64) -> Outcome {
    let waited = now.saturating_sub(task.unknown_since.unwrap_or(now));
    let waited = Duration::from_millis(u64::try_from(waited).unwrap_or(0));
    if waited >= grace {
        let reason = format!("{missing}; no worker that knows it has come within {grace:?}");
        return Outcome::Dead { reason };
    }
    // Often enough that a deploy is noticed soon, rarely enough that a forgotten task costs nothing.
    let after = (grace / 20).clamp(Duration::from_millis(50), Duration::from_secs(30)).min(grace);
    Outcome::Deferred { after, reason: missing.to_owned() }
}

/// What becomes of a task whose outcome the store would refuse again and again. `None`: the refusal is not the outcome's
/// doing.
pub(crate) fn of_refusal(error: &StoreError) -> Option<Outcome> {
    let reason = || format!("what became of it could not be recorded: {error}");
    (error.is_invalid_task() || error.is_refused()).then(|| Outcome::Dead { reason: reason() })
}

pub(crate) fn log(task: &Task, outcome: &Outcome) {
    let (task_id, receiver, attempt) = (task.id, &task.receiver, task.attempt);
    match outcome {
        Outcome::Retry { after, reason } => tracing::warn!(
            target: "signalpost::worker", task = %task_id, receiver, attempt, ?after, reason, "failed; will be retried"
        ),
        Outcome::Dead { reason } => tracing::error!(
            target: "signalpost::worker", task = %task_id, receiver, attempt, reason, "dead"
        ),
        Outcome::Deferred { after, reason } => tracing::warn!(
            target: "signalpost::worker", task = %task_id, receiver, ?after, reason, "unknown receiver; waits"
        ),
        // Who has seen the death says more of it.
        Outcome::Succeeded { .. } | Outcome::Released | Outcome::Died { .. } => {}
    }
}
