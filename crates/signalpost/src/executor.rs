//! Runs registered receivers for a worker.

use std::sync::Arc;

use signalpost_store::{Outcome, PublishedReceiver, Store, Task};
use signalpost_worker::{ClaimedTask, Executor, Failure, Known, ReceiverPolicy, Run};

use crate::background_signal::run_all;
use crate::data::DataMap;
use crate::registry::ALL;
use crate::run::RunContext;
use crate::{lifecycle, registry};

pub(crate) struct RegisteredReceivers {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) data: Arc<DataMap>,
}

impl RegisteredReceivers {
    fn context(&self, claimed: ClaimedTask, is_atomic: bool) -> RunContext {
        RunContext::in_worker(claimed, self.data.clone(), self.store.clone(), is_atomic)
    }
}

impl Executor for RegisteredReceivers {
    fn look_up(&self, task: &Task) -> Known {
        if task.receiver == ALL {
            return match registry::of_signal(&task.signal).is_empty() {
                false => Known::As(ReceiverPolicy::default()),
                true => Known::Not(format!("no receiver of the background signal `{}` is registered", task.signal)),
            };
        }
        match registry::find(&task.signal, &task.receiver) {
            Some(receiver) => Known::As(receiver.policy),
            None => Known::Not(missing(task)),
        }
    }

    fn run(&self, claimed: ClaimedTask) -> Run {
        let task = claimed.task.clone();
        if task.receiver == ALL {
            return run_all(self.context(claimed, false));
        }
        match registry::find(&task.signal, &task.receiver) {
            Some(receiver) => (receiver.start)(self.context(claimed, receiver.is_atomic)),
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

fn missing(task: &Task) -> String {
    let (receiver, signal) = (&task.receiver, &task.signal);
    match registry::signals_of(receiver).first() {
        Some(other) => format!("receiver `{receiver}` is registered for signal `{other}`, not for `{signal}`"),
        None => format!("no receiver named `{receiver}` is registered"),
    }
}
