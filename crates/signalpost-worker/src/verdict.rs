//! What becomes of a task: the policy of failures and of receivers that nobody knows.

use std::time::Duration;

use signalpost_store::{Outcome, Task};

use crate::executor::Retry;
use crate::{Failure, ReceiverPolicy};

/// What a failed run means. `chance` lies between 0 and 1.
pub(crate) fn of_failure(
    task: &Task,
    policy: &ReceiverPolicy,
    failure: Failure,
    is_stopping: bool,
    chance: f64,
) -> Outcome {
    let failures = task.failures() + 1;
    let Failure { reason, retry } = failure;
    // It was told to wrap up: what it could not do in time another worker will.
    if is_stopping && retry == Retry::Backoff {
        tracing::info!(
            target: "signalpost::worker", task = %task.id, receiver = task.receiver, attempt = task.attempt, reason,
            "ended with an error while the worker stops; given back"
        );
        return Outcome::Released;
    }
    if failures >= policy.max_attempts && retry != Retry::Never {
        return Outcome::Dead { reason: format!("attempt {failures} of {}: {reason}", policy.max_attempts) };
    }
    match retry {
        Retry::Never => Outcome::Dead { reason },
        Retry::After(after) => Outcome::Retry { after, reason },
        Retry::Backoff => Outcome::Retry { after: policy.backoff.delay(failures, chance), reason },
    }
}

/// What it means that the receiver is not known here. `now` is the store's.
pub(crate) fn of_unknown(task: &Task, missing: &str, grace: Duration, now: i64) -> Outcome {
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
