//! Runs registered receivers for a worker.

use std::sync::Arc;
use std::time::Duration;

use signalpost_store::{Outcome, PublishedReceiver, Store, Task};
use signalpost_worker::{ClaimedTask, Executor, Failure, Known, ReceiverPolicy, Run};

use crate::background::BackgroundReceiver;
use crate::background_signal::run_all;
use crate::data::DataMap;
use crate::middleware::Layers;
use crate::registry::ALL;
use crate::run::RunContext;
use crate::{RunningTask, lifecycle, registry};

pub(crate) struct RegisteredReceivers {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) data: Arc<DataMap>,
    pub(crate) layers: Layers,
}

impl RegisteredReceivers {
    fn context(&self, claimed: ClaimedTask, is_atomic: bool) -> RunContext {
        RunContext::in_worker(claimed, self.data.clone(), self.store.clone(), is_atomic)
    }

    fn policy(&self, receiver: &BackgroundReceiver) -> ReceiverPolicy {
        // What is around the run watches its time.
        let timeout = receiver.policy.timeout.filter(|_| self.layers.is_empty());
        ReceiverPolicy { timeout, ..receiver.policy }
    }

    fn wrap(&self, task: RunningTask, run: Run, timeout: Option<Duration>) -> Run {
        if self.layers.is_empty() { run } else { self.layers.around(task, run, timeout) }
    }
}

impl Executor for RegisteredReceivers {
    fn look_up(&self, task: &Task) -> Known {
        if task.receiver == ALL {
            return match registry::of_signal(&task.signal).first() {
                Some(receiver) => known(task, receiver, ReceiverPolicy::default()),
                None => Known::Not(format!("no receiver of the background signal `{}` is registered", task.signal)),
            };
        }
        match registry::find(&task.signal, &task.receiver) {
            Some(receiver) => known(task, &receiver, self.policy(&receiver)),
            None => Known::Not(missing(task)),
        }
    }

    fn run(&self, claimed: ClaimedTask) -> Run {
        let task = claimed.task.clone();
        if task.receiver == ALL {
            let context = self.context(claimed, false);
            return self.wrap(context.running.clone(), run_all(context), None);
        }
        match registry::find(&task.signal, &task.receiver) {
            Some(receiver) => {
                let context = self.context(claimed, receiver.is_atomic);
                self.wrap(context.running.clone(), (receiver.start)(context), receiver.policy.timeout)
            }
            // It was disconnected a moment ago.
            None => Run::asynchronous(async move { Err(Failure::new(missing(&task))) }),
        }
    }

    fn receivers(&self) -> Vec<PublishedReceiver> {
        registry::published()
    }

    fn started(&self, task: &Task) {
        lifecycle::started(task);
    }

    fn finished(&self, task: &Task, outcome: &Outcome) {
        lifecycle::finished(task, outcome);
    }
}

/// The receiver is known; its payload may be of a version that is not.
fn known(task: &Task, receiver: &BackgroundReceiver, policy: ReceiverPolicy) -> Known {
    receiver.signal.lacks(task.payload_version).map_or(Known::As(policy), Known::Not)
}

fn missing(task: &Task) -> String {
    let (receiver, signal) = (&task.receiver, &task.signal);
    match registry::signals_of(receiver).first() {
        Some(other) => format!("receiver `{receiver}` is registered for signal `{other}`, not for `{signal}`"),
        None => format!("no receiver named `{receiver}` is registered"),
    }
}
