//! The run of a background signal's task: that of all its receivers.

use futures_util::future::join_all;
use signalpost_store::{NewTask, Task};
use signalpost_worker::{Failure, Run, Success};

use super::in_order;
use crate::background::BackgroundReceiver;
use crate::hooks;
use crate::run::RunContext;

/// Runs all receivers of a background signal's send. Those that fail follow as tasks of their own.
pub(crate) fn run_all(context: RunContext) -> Run {
    Run::asynchronous(async move {
        let mut receivers = in_order(&context.task.signal, &context.sender());
        receivers.retain(|receiver| !hooks::is_muted_for(context.store(), receiver.name()));
        let run = async |receiver: &BackgroundReceiver| {
            let context = context.part();
            let cancellation = context.running.cancellation().clone();
            (receiver.start)(context).finish(receiver.policy.timeout, &cancellation).await
        };
        let (blocking, asynchronous): (Vec<_>, Vec<_>) =
            receivers.into_iter().partition(|receiver| receiver.declared.is_blocking);
        let mut outcomes = Vec::new();
        for receiver in &blocking {
            outcomes.push(run(receiver).await);
        }
        outcomes.extend(join_all(asynchronous.iter().map(|receiver| run(receiver))).await);
        let failed = blocking.iter().chain(&asynchronous).zip(outcomes).filter_map(|(receiver, outcome)| {
            outcome.err().map(|failure| follow_up(&context.task, receiver, &failure))
        });
        Ok(Success::default().followed_by(failed.collect()))
    })
}

fn follow_up(task: &Task, receiver: &BackgroundReceiver, failure: &Failure) -> NewTask {
    tracing::error!(
        target: "signalpost", task = %task.id, signal = task.signal, receiver = receiver.name(),
        reason = failure.reason, "failed beside the others; it follows as a task of its own"
    );
    // Checked by the run itself: a payload that is not UTF-8 is no JSON either, and nobody gets here with it.
    let payload = String::from_utf8_lossy(&task.payload).into_owned();
    let mut next = NewTask::new(receiver.signal.name, receiver.name(), payload);
    next.send_id = task.send_id.parse().unwrap_or_default();
    next.sender = task.sender.clone();
    next.queue = task.queue.clone();
    next.priority = task.priority;
    next.payload_version = task.payload_version;
    next.headers = task.headers.clone().unwrap_or_default();
    next.parent = Some(task.id);
    next.depth = task.depth;
    next.reason = Some(failure.reason.clone());
    next.delay = failure.wanted_delay().unwrap_or_else(|| receiver.policy.backoff.jittered(1));
    next
}
