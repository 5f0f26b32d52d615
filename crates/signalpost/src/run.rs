//! One run of a background receiver, from the stored row to the function and back.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use signalpost_dispatch::{BoxError, Event, Sender};
use signalpost_store::{Store, Task};
use signalpost_worker::{ClaimedTask, Failure, Run, Success};

use crate::data::DataMap;
use crate::stored_signal::StoredSignal;
use crate::{AsyncSignal, RunningTask, Signal, failure, registry, running_task, sender_alias};

/// What a run is given: the task, and the worker's data.
#[derive(Clone)]
pub struct RunContext {
    pub(crate) task: Arc<Task>,
    pub(crate) data: Arc<DataMap>,
    pub(crate) running: RunningTask,
}

impl RunContext {
    pub(crate) fn in_worker(claimed: ClaimedTask, data: Arc<DataMap>, store: Arc<dyn Store>, is_atomic: bool) -> Self {
        Self { task: claimed.task.clone(), data, running: RunningTask::in_worker(claimed, store, is_atomic) }
    }

    /// Of a run inside the send.
    pub(crate) fn here(task: Arc<Task>, data: Arc<DataMap>, is_atomic: bool) -> Self {
        let running = RunningTask::here(&task, is_atomic);
        Self { task, data, running }
    }

    /// Of one of several runs of which this one consists.
    pub(crate) fn part(&self) -> Self {
        Self { running: self.running.part(), ..self.clone() }
    }

    pub(crate) fn is_in_worker(&self) -> bool {
        self.store().is_some()
    }

    /// The worker's store; `None` where none is installed.
    pub(crate) fn store(&self) -> Option<&Arc<dyn Store>> {
        self.running.store()
    }

    /// The sender, by the label that was stored or what that is called now.
    pub fn sender(&self) -> Sender {
        let current = |label| Sender::label(sender_alias::current(label).to_owned());
        self.task.sender.as_deref().map_or(Sender::NONE, current)
    }

    /// The event that the receiver gets.
    pub fn event<'a, P>(&'a self, sender: &'a Sender, payload: &'a P) -> Event<'a, P> {
        Event::new(registry::current_name(&self.task.signal), sender, payload).with_context(&self.running)
    }
}

/// A run on the worker's runtime, in which [`running_task`](crate::running_task) knows the task.
pub fn run_async<Fut>(context: RunContext, run: impl FnOnce(RunContext) -> Fut) -> Run
where
    Fut: Future<Output = Result<Success, Failure>> + Send + 'static,
{
    let running = context.running.clone();
    let ended = running_task::scope(running.clone(), run(context));
    Run::asynchronous(async move { running.judge(ended.await) })
}

/// As [`run_async`], for blocking code.
pub fn run_blocking<F>(context: RunContext, run: F) -> Run
where
    F: FnOnce(RunContext) -> Result<Success, Failure> + Send + 'static,
{
    let running = context.running.clone();
    Run::blocking(move || running_task::scope_blocking(running, || run(context)))
}

/// A signal, for what its payload is.
pub trait HasPayload {
    type Payload;

    fn stored(&self) -> &StoredSignal;
}

impl<P, R> HasPayload for Signal<P, R> {
    type Payload = P;

    fn stored(&self) -> &StoredSignal {
        &self.stored
    }
}

impl<P> HasPayload for AsyncSignal<P> {
    type Payload = P;

    fn stored(&self) -> &StoredSignal {
        &self.stored
    }
}

/// What a function returns: the signals of a model are found by functions.
impl<S: HasPayload> HasPayload for &S {
    type Payload = S::Payload;

    fn stored(&self) -> &StoredSignal {
        S::stored(self)
    }
}

/// What the payload of a background receiver must be.
#[diagnostic::on_unimplemented(
    message = "the payload `{Self}` of a background receiver cannot be stored",
    note = "it is kept as JSON: #[derive(serde::Serialize, serde::Deserialize)], and no borrowed data"
)]
pub trait StoredPayload {}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> StoredPayload for P {}

/// Says in one sentence what is wrong with a payload, where there is something.
pub fn assert_payload<S: HasPayload<Payload: StoredPayload>>(_signal: &S) {}

/// The run's payload, which is that of `signal`.
pub fn payload_for<S: HasPayload<Payload: DeserializeOwned>>(
    signal: &S,
    run: &RunContext,
) -> Result<S::Payload, Failure> {
    signal.stored().decode(&run.task)
}

/// What a background receiver may return: nothing, or a `Result`.
#[diagnostic::on_unimplemented(
    message = "a background receiver cannot return `{Self}`",
    note = "it returns nothing, or `Result<T, E>` where `E` is an error; with `keep_result` the `T` is kept"
)]
pub trait BackgroundOutput {
    type Value;

    fn into_result(self) -> Result<Self::Value, BoxError>;
}

impl BackgroundOutput for () {
    type Value = ();

    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<T, E: Into<BoxError>> BackgroundOutput for Result<T, E> {
    type Value = T;

    fn into_result(self) -> Result<T, BoxError> {
        self.map_err(Into::into)
    }
}

/// What became of the run, without what the receiver returned.
pub fn outcome(output: impl BackgroundOutput) -> Result<Success, Failure> {
    output.into_result().map(|_| Success::default()).map_err(|error| failure::from_error(&error))
}

/// What became of the run, with what the receiver returned.
pub fn kept_outcome<O: BackgroundOutput<Value: Serialize>>(output: O) -> Result<Success, Failure> {
    let value = output.into_result().map_err(|error| failure::from_error(&error))?;
    let result = serde_json::to_string(&value)
        .map_err(|error| Failure::permanent(format!("the receiver succeeded, but its result is not JSON: {error}")))?;
    Ok(Success::default().with_result(result))
}
