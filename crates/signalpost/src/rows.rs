//! The background part of a send: rows, and where they go.

mod run_here;
mod scope;

use std::future::Future;
use std::sync::Arc;

use signalpost_dispatch::{ParkingBridge, Receiver, ReceiverError, SendError, Sender};
use signalpost_store::{NewTask, OutboxStatement, SendId, Store};

use crate::background::BackgroundReceiver;
use crate::bridge::TokioBridge;
use crate::outbox::{Outbox, explained};
use crate::registry::ALL;
use crate::stored_signal::StoredSignal;
use crate::{
    BoxError, Response, Responses, RobustResponses, SendOptions, chain, headers, install, lifecycle, running_task,
};

use run_here::run_here;
pub(crate) use scope::Scope;

/// A chain of sends that is longer than this is taken for a loop.
const MAX_DEPTH: u32 = 50;

/// One task to be written, and who runs it if there is no store.
pub(crate) struct Row {
    pub(crate) task: NewTask,
    pub(crate) runs: Vec<Arc<BackgroundReceiver>>,
}

impl Row {
    /// One background receiver's row of a send.
    pub(crate) fn new(template: &NewTask, options: &SendOptions, receiver: Arc<BackgroundReceiver>) -> Self {
        let mut task = template.clone();
        task.receiver = receiver.name().to_owned();
        task.queue = receiver.queue.to_owned();
        task.priority = options.priority.unwrap_or(receiver.priority);
        Self { task, runs: vec![receiver] }
    }
}

/// The rows of one send, and of the sends that its inline receivers make within it.
#[derive(Default)]
pub(crate) struct Rows {
    /// `None` while there are no rows: most sends of most signals make none, and an id costs a shared counter.
    pub(crate) send_id: Option<SendId>,
    pub(crate) own: Vec<Row>,
    within: Vec<Row>,
}

impl Rows {
    /// With what the receivers have left in the scope, all of which have run.
    pub(crate) fn with(mut self, scope: &Scope) -> Self {
        self.within = scope.take();
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.within.is_empty()
    }

    /// A send of one row.
    pub(crate) fn of_one(task: NewTask, runs: Vec<Arc<BackgroundReceiver>>) -> Self {
        Self::of_send(task.send_id, vec![Row { task, runs }])
    }

    pub(crate) fn of_send(send_id: SendId, own: Vec<Row>) -> Self {
        Self { send_id: Some(send_id), own, ..Self::default() }
    }

    /// The rows of several sends, to be written together. Their responses are asked for before.
    pub(crate) fn together(sends: Vec<Rows>) -> Self {
        Self { own: sends.into_iter().flat_map(|mut rows| rows.all()).collect(), ..Self::default() }
    }

    /// What every row of a send has in common.
    ///
    /// # Errors
    ///
    /// When the chain of sends that led here is too long, or the signal's or the sender's name, or an option, cannot be
    /// stored.
    pub(crate) fn template(
        signal: &StoredSignal,
        sender: &Sender,
        payload: Arc<str>,
        options: &SendOptions,
    ) -> Result<NewTask, SendError> {
        let mut task = NewTask::new(signal.name, ALL, payload);
        task.payload_version = signal.version;
        task.sender = sender.as_label().map(str::to_owned);
        options.apply(&mut task);
        let running = running_task();
        if let Some(running) = &running {
            task.parent = Some(running.id);
            task.depth = running.depth.saturating_add(1);
            if task.depth > MAX_DEPTH {
                let chain = chain::shown(&running.chain, signal.name, task.depth);
                return Err(SendError::sending(format!(
                    "signal `{}` is sent by receiver `{}`, {} sends after the first one: {chain}\n  hint: a \
                     receiver that sends a signal which leads back to it never ends",
                    signal.name, running.receiver, task.depth
                )));
            }
        }
        task.headers = headers::of_send(running.as_ref(), &options.headers)?;
        task.check().map_err(SendError::sending)?;
        Ok(task)
    }

    /// Everything that is to be written: the send's own rows first.
    fn all(&mut self) -> Vec<Row> {
        let mut all = std::mem::take(&mut self.own);
        all.append(&mut self.within);
        all
    }

    /// The receivers of the send's own rows.
    fn receivers(&self) -> impl Iterator<Item = Receiver> + '_ {
        self.own.iter().flat_map(|row| &row.runs).map(|receiver| receiver.receiver)
    }

    /// What the send's own receivers respond if all goes well.
    pub(crate) fn responses<R>(&self) -> Responses<R> {
        let Some(send_id) = self.send_id else { return Vec::new() };
        let queued = install::current().is_some();
        let response = || if queued { Response::Queued(send_id) } else { Response::RanHere };
        self.receivers().map(|receiver| (receiver, response())).collect()
    }

    /// Writes the rows to the store that is installed, and returns when they are durable; without one, runs them.
    pub(crate) async fn write<R>(mut self) -> Result<Responses<R>, SendError> {
        let responses = self.responses();
        let rows = self.all();
        if rows.is_empty() {
            return Ok(responses);
        }
        match install::current() {
            Some(store) => {
                let tasks = tasks(rows);
                let enqueued = lifecycle::enqueued(&tasks);
                store.insert(tasks).await.map_err(SendError::sending)?;
                lifecycle::tell_enqueued(enqueued);
                Ok(responses)
            }
            None => match run_here(rows).await.into_iter().find_map(|(receiver, ran)| Some((receiver, ran.err()?))) {
                Some((receiver, error)) => Err(SendError::raised(receiver, error)),
                None => Ok(responses),
            },
        }
    }

    /// Whether this thread may wait for the rows to be written. Asked before anybody has run.
    pub(crate) fn check_waiting(&self) -> Result<(), SendError> {
        if self.run_async_here() { TokioBridge::check().map_err(SendError::sending) } else { Ok(()) }
    }

    /// Whether the rows can be written on a connection. Asked before anybody has run.
    pub(crate) fn check_store(&self) -> Result<(), SendError> {
        if self.own.is_empty() { Ok(()) } else { installed().map(drop) }
    }

    /// Writes the rows while this thread waits, and adds what their receivers respond.
    pub(crate) fn join_waiting<R: Send>(self, mut responses: Responses<R>) -> Result<Responses<R>, SendError> {
        responses.extend(self.write_waiting()?);
        Ok(responses)
    }

    /// As [`Rows::write`], while this thread waits.
    pub(crate) fn write_waiting<R: Send>(self) -> Result<Responses<R>, SendError> {
        self.wait(|rows| rows.write())?
    }

    /// As [`Rows::write_robust`], while this thread waits.
    pub(crate) fn write_robust_waiting<R: Send>(self) -> RobustResponses<R> {
        if self.is_empty() {
            return Vec::new();
        }
        let receivers: Vec<Receiver> = self.receivers().collect();
        self.wait(|rows| rows.write_robust()).unwrap_or_else(|refused| all_failed(receivers, &refused))
    }

    /// A store has a thread of its own, and needs nothing of the caller's; receivers that run here may.
    fn wait<T: Send, F: Future<Output = T> + Send>(self, write: impl FnOnce(Self) -> F) -> Result<T, SendError> {
        if self.run_async_here() {
            TokioBridge::run(write(self)).map_err(SendError::sending)
        } else {
            Ok(ParkingBridge::run(write(self)))
        }
    }

    fn run_async_here(&self) -> bool {
        let is_async = |row: &Row| row.runs.iter().any(|receiver| !receiver.declared.is_blocking);
        self.own.iter().chain(&self.within).any(is_async) && install::current().is_none()
    }

    /// As [`Rows::write`]; a failure is the response of every receiver that it concerns.
    pub(crate) async fn write_robust<R>(mut self) -> RobustResponses<R> {
        if self.is_empty() {
            return Vec::new();
        }
        let receivers: Vec<Receiver> = self.receivers().collect();
        if install::current().is_none() {
            // Those of sends made within this one have their responses there.
            let mut ran = run_here(self.all()).await;
            ran.truncate(receivers.len());
            let response = |ran: Result<(), BoxError>| ran.map(|()| Response::RanHere).map_err(ReceiverError::raised);
            return ran.into_iter().map(|(receiver, ran)| (receiver, response(ran))).collect();
        }
        match self.write::<R>().await {
            Ok(written) => written.into_iter().map(|(receiver, response)| (receiver, Ok(response))).collect(),
            Err(error) => {
                tracing::error!(target: "signalpost", %error, "tasks could not be written");
                all_failed(receivers, &error)
            }
        }
    }

    /// Writes the rows on a connection of the caller's.
    pub(crate) async fn write_in<R, O: Outbox>(mut self, outbox: &mut O) -> Result<Responses<R>, SendError> {
        let responses = self.responses();
        let rows = self.all();
        if !rows.is_empty() {
            let tasks = tasks(rows);
            insert_in(outbox, &installed()?.outbox(), &tasks).await.map_err(SendError::sending)?;
            lifecycle::tell_enqueued(lifecycle::enqueued(&tasks));
        }
        Ok(responses)
    }
}

/// The store that says how to write on a connection. To run the receivers instead would be before the commit, or in
/// spite of a rollback.
fn installed() -> Result<Arc<dyn Store>, SendError> {
    install::current().ok_or_else(|| {
        SendError::sending(
            "no store is installed, so tasks cannot be written on this connection\n  hint: \
             signalpost::install(store).await once, at the start",
        )
    })
}

/// The same failure as the response of several receivers.
pub(crate) fn all_failed<R>(receivers: impl IntoIterator<Item = Receiver>, error: &SendError) -> RobustResponses<R> {
    let why = error.to_string();
    receivers.into_iter().map(|receiver| (receiver, Err(ReceiverError::raised(why.as_str())))).collect()
}

fn tasks(rows: Vec<Row>) -> Vec<NewTask> {
    rows.into_iter().map(|row| row.task).collect()
}

async fn insert_in<O: Outbox>(outbox: &mut O, statement: &OutboxStatement, tasks: &[NewTask]) -> Result<(), BoxError> {
    let written = write_in(outbox, statement, tasks).await?;
    // Of those that are to be written once, any number may be there already.
    let at_least = tasks.iter().filter(|task| !task.once).count();
    if !usize::try_from(written).is_ok_and(|written| (at_least..=tasks.len()).contains(&written)) {
        return Err(format!("the connection reports {written} rows written instead of {}", tasks.len()).into());
    }
    Ok(())
}

async fn write_in<O: Outbox>(outbox: &mut O, statement: &OutboxStatement, tasks: &[NewTask]) -> Result<u64, BoxError> {
    if let [task] = tasks
        && let Some((sql, columns)) = statement.row(task)?
        && let Some(written) = outbox.execute_row(sql, &columns).await
    {
        return written.map_err(explained);
    }
    let (sql, json) = statement.of(tasks)?;
    outbox.execute(sql, &json).await.map_err(explained)
}
