//! The task in whose receiver the code runs.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use signalpost_dispatch::BoxError;
use signalpost_store::{Store, Task, TaskId};
use signalpost_worker::{ClaimedTask, Failure, Success};
use tokio_util::sync::CancellationToken;

use crate::atomic::{AtomicTransaction, Atomicity};
use crate::{AtomicError, BeginImmediate, ClientTransaction, Headers, chain, headers, registry};

/// What is known of a task whose receiver runs. It is read through a [`RunningTask`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The task's number; 0 when the receiver runs inline because no store is installed.
    pub id: TaskId,
    /// The send that it belongs to. As text, because a row put in by hand may hold anything.
    pub send_id: String,
    /// The name of the signal.
    pub signal: String,
    /// The name of the receiver; `*` where a background signal's receivers run together.
    pub receiver: String,
    /// The queue that it was claimed from.
    pub queue: String,
    /// Which claim of the task this is, from 1.
    pub attempt: u32,
    /// How many of the claims before ended with the death of their runner.
    pub deaths: u32,
    /// How many sends after the first one this was made; 0: it is the first.
    pub depth: u32,
    /// The task in whose receiver it was sent.
    pub parent: Option<TaskId>,
    /// What travelled beside the payload. What is sent from the receiver carries it on.
    pub headers: Headers,
    /// The signals that led here, as what is sent from the receiver carries them on.
    pub(crate) chain: String,
}

impl TaskInfo {
    /// How many runs have failed before this one: claims that ended neither in a death nor by being given back.
    pub fn failures(&self) -> u32 {
        self.attempt.saturating_sub(self.deaths).saturating_sub(1)
    }

    fn of(task: &Task) -> Arc<Self> {
        let carried = |header| task.headers.as_ref()?.get(header).map(String::as_str);
        Arc::new(Self {
            id: task.id,
            send_id: task.send_id.clone(),
            signal: registry::current_name(&task.signal).to_owned(),
            receiver: task.receiver.clone(),
            queue: task.queue.clone(),
            attempt: task.attempt,
            deaths: task.deaths,
            depth: task.depth,
            parent: task.parent,
            chain: chain::after(carried(chain::HEADER), &task.signal),
            headers: headers::of_users(task.headers.clone().unwrap_or_default()),
        })
    }
}

/// One run of a task, as its receiver sees it: what is known of the task ([`TaskInfo`]), when to wrap up, and for an
/// atomic receiver its transaction. A clone is cheap, and the same run.
///
/// A background receiver takes it as an argument; elsewhere in the receiver there is
/// [`running_task`], and [`Event::context`](signalpost_dispatch::Event::context).
///
/// ```
/// use signalpost::{BoxError, Event, RunningTask, Signal, receiver};
///
/// static REPORT_ASKED_FOR: Signal<u32> = Signal::new("doc.report_asked_for");
///
/// #[receiver(REPORT_ASKED_FOR, background)]
/// async fn write_report(event: Event<'_, u32>, task: RunningTask) -> Result<(), BoxError> {
///     for page in 1..=*event.payload {
///         if task.cancellation().is_cancelled() {
///             return Err(format!("stopped before page {page}").into());
///         }
///         println!("page {page}, attempt {}", task.attempt);
///     }
///     Ok(())
/// }
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct RunningTask {
    info: Arc<TaskInfo>,
    cancellation: CancellationToken,
    // None: it runs inside the send, because no store is installed.
    claim: Option<(Arc<dyn Store>, ClaimedTask)>,
    // None: the receiver is not atomic.
    atomicity: Option<Atomicity>,
}

impl Deref for RunningTask {
    type Target = TaskInfo;

    fn deref(&self) -> &TaskInfo {
        &self.info
    }
}

impl RunningTask {
    /// Fires when the run should wrap up: its time is over (`timeout`), its worker begins to stop, or its worker has lost
    /// the task to another. Never where no store is installed.
    ///
    /// Asynchronous receivers are dropped when their time is over or the lease is lost; at a stop they have the worker's
    /// [grace](crate::Worker::grace). Blocking code is never stopped: it can ask
    /// [`is_cancelled`](CancellationToken::is_cancelled) now and then.
    ///
    /// A run that ends with an error while its worker stops is given back: it waits, as it did, for another worker, and
    /// the attempt is not counted. [`Permanent`](crate::Permanent) and [`RetryAfter`](crate::RetryAfter) mean what they
    /// always do.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }

    /// Begins the transaction of an atomic receiver, in which its task is completed already: what is written in it and
    /// the task's success are committed together, or neither is.
    ///
    /// `database` is a pool of sqlx or a connection of SeaORM, to the database that the worker's store is in. The
    /// receiver must be declared with `atomic`, and must commit: if it returns without having committed it has failed,
    /// also where there was nothing to do. Once it has committed, the task has succeeded, whatever becomes of the run.
    ///
    /// Begin late. On SQLite the transaction holds the write lock from here to its end, and everybody else waits: the
    /// other receivers, the senders and the worker itself, which must renew its lease. Read, compute and call others
    /// before.
    ///
    /// Where no store is installed there is no task to complete: this is a plain transaction then.
    ///
    /// ```
    /// # #[cfg(feature = "sqlx")]
    /// # mod example {
    /// use signalpost::{BoxError, Data, Event, RunningTask, Signal, receiver};
    /// use sqlx::SqlitePool;
    ///
    /// static ORDER_PAID: Signal<i64> = Signal::new("doc.begin.order_paid");
    ///
    /// #[receiver(ORDER_PAID, background, atomic)]
    /// async fn book(event: Event<'_, i64>, task: RunningTask, db: Data<SqlitePool>) -> Result<(), BoxError> {
    ///     let mut tx = task.begin(&db).await?;
    ///     sqlx::query("UPDATE account SET balance = balance + ?1").bind(event.payload).execute(&mut **tx).await?;
    ///     tx.commit().await?;
    ///     Ok(())
    /// }
    /// # }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// When the run was overtaken ([`AtomicError::is_overtaken`]), or the database is another one; when the receiver is not
    /// declared atomic; when the run has a transaction already that was not rolled back; what the client says.
    pub async fn begin<D>(&self, database: &D) -> Result<AtomicTransaction<D::Transaction>, AtomicError>
    where
        D: BeginImmediate<Error: Into<BoxError>>,
    {
        let atomicity = self.atomicity.as_ref().ok_or_else(|| AtomicError::not_declared(self))?;
        let claimed = self.claim.as_ref().map(|(_, claimed)| claimed.clone());
        let open = atomicity.open(claimed).map_err(|is_committed| AtomicError::again(self, is_committed))?;
        let mut transaction = database.begin_immediate().await.map_err(AtomicError::client)?;
        if let Err(error) = self.complete_in(&mut transaction).await {
            // It would be rolled back by being dropped, but later.
            let _ = transaction.rollback().await;
            return Err(error);
        }
        Ok(AtomicTransaction::new(transaction, open))
    }

    async fn complete_in(&self, transaction: &mut impl ClientTransaction) -> Result<(), AtomicError> {
        let Some((store, claimed)) = &self.claim else { return Ok(()) };
        let completion = store.completion();
        let json = completion.parameter(&claimed.worker, &claimed.task);
        let insert = claimed.keeps_success.then_some(completion.insert);
        for statement in insert.into_iter().chain([completion.delete]) {
            if transaction.execute(&statement, &json).await.map_err(AtomicError::client)? != 1 {
                return Err(AtomicError::overtaken(self));
            }
        }
        Ok(())
    }

    /// What a receiver's return means: an atomic one has not succeeded without its commit.
    pub(crate) fn judge(&self, ended: Result<Success, Failure>) -> Result<Success, Failure> {
        match &self.atomicity {
            Some(atomicity) if ended.is_ok() && !atomicity.is_committed() => Err(Failure::new(
                "declared atomic, but it returned without committing the transaction of RunningTask::begin\n  hint: begin \
                 and commit where there is nothing to write, too",
            )),
            _ => ended,
        }
    }

    pub(crate) fn in_worker(claimed: ClaimedTask, store: Arc<dyn Store>, is_atomic: bool) -> Self {
        let (info, cancellation) = (TaskInfo::of(&claimed.task), claimed.cancellation.clone());
        Self { info, cancellation, claim: Some((store, claimed)), atomicity: is_atomic.then(Atomicity::default) }
    }

    /// One that runs inside the send.
    pub(crate) fn here(task: &Task, is_atomic: bool) -> Self {
        let (info, cancellation) = (TaskInfo::of(task), CancellationToken::new());
        Self { info, cancellation, claim: None, atomicity: is_atomic.then(Atomicity::default) }
    }

    /// One of several runs of which this one consists: its time may be over before that of the others.
    pub(crate) fn part(&self) -> Self {
        Self { cancellation: self.cancellation.child_token(), ..self.clone() }
    }

    /// The worker's; `None` inside a send.
    pub(crate) fn store(&self) -> Option<&Arc<dyn Store>> {
        self.claim.as_ref().map(|(store, _)| store)
    }
}

impl fmt::Debug for RunningTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningTask")
            .field("id", &self.id)
            .field("receiver", &self.receiver)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

tokio::task_local! {
    static RUNNING: RunningTask;
}

/// The task in whose receiver this code runs; `None` elsewhere. What is sent from there has it as its parent.
///
/// What the receiver spawns onto the runtime or onto other threads is elsewhere.
pub fn running_task() -> Option<RunningTask> {
    RUNNING.try_with(RunningTask::clone).ok()
}

pub(crate) fn scope<F: Future>(task: RunningTask, run: F) -> impl Future<Output = F::Output> {
    RUNNING.scope(task, run)
}

pub(crate) fn scope_blocking<T>(task: RunningTask, run: impl FnOnce() -> T) -> T {
    RUNNING.sync_scope(task, run)
}
