//! Runs registered receivers for a worker.

use std::sync::Arc;

use signalpost_store::{Outcome, PublishedReceiver, Store, Task};
use signalpost_worker::{Executor, Failure, Known, ReceiverPolicy, Run};

use crate::background::BackgroundReceiver;
use crate::background_signal::run_all;
use crate::data::DataMap;
use crate::registry::ALL;
use crate::run::RunContext;
use crate::{lifecycle, registry};

pub(crate) struct RegisteredReceivers {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) data: Arc<DataMap>,
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
            Some(receiver) => known(task, &receiver, receiver.policy),
            None => Known::Not(missing(task)),
        }
    }

    fn run(&self, task: Arc<Task>) -> Run {
        let context = RunContext::new(task.clone(), self.data.clone(), Some(self.store.clone()));
        if task.receiver == ALL {
            return run_all(context);
        }
        match registry::find(&task.signal, &task.receiver) {
            Some(receiver) => (receiver.start)(context),
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
