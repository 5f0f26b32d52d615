//! The contract of a store.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::column::columns;
use crate::task_json::checked_headers;
use crate::{
    Claim, ClaimRequest, Column, EndState, Finish, NewTask, State, StoreError, Task, TaskContent, TaskId, TaskRecord,
    WorkerId,
};

/// The database that holds tasks.
///
/// # What every store keeps
///
/// - Every method that changes something is one transaction, durable when the method returns `Ok`. On `Err`
///   nothing has changed, except where the connection was lost before the answer: then the change has been made or
///   not, and asking again is safe, because every change is guarded.
/// - A claimed task is moved on only by the claim that holds it: [`Store::finish_if_leased`] compares worker and
///   fence. What it cannot move it reports, and leaves as it is.
/// - A task ends once. Its number is never used again.
/// - Times are the store's own clock. Durations are given, never points of time, but for `run_at`.
/// - Text is stored as given. A text with a NUL is refused, as [`StoreError::is_invalid_task`], before anything is
///   written; a reason is made storable instead of refused, because recording a failure must not fail.
///
/// # What a store does not do
///
/// It has no policy: no backoff, no timeouts of receivers, no choice of queues. It starts nothing on its own.
///
/// The suite in [`conformance`](crate::conformance) (feature `conformance`) holds a store to all of this.
#[async_trait]
pub trait Store: Send + Sync + Debug + 'static {
    /// The statement with which a client writes tasks on a connection of its own.
    fn outbox(&self) -> OutboxStatement;

    /// The statements with which a client completes a claimed task on a connection of its own: its receiver's writes
    /// and the task's success are one transaction then.
    fn completion(&self) -> CompletionStatement;

    /// Writes tasks, all or none, and returns their numbers in the order given.
    ///
    /// A task that is to be written [`once`](NewTask::once) is not written where one of the same send, signal and
    /// receiver is live or in the history: its number is the answer then. So a send that is repeated under its own id
    /// changes nothing, for as long as the history is kept.
    ///
    /// Concurrent calls may share a transaction; one that fails does so alone. A call whose future is dropped may still
    /// write, all or none.
    async fn insert(&self, tasks: Vec<NewTask>) -> Result<Vec<TaskId>, StoreError>;

    /// Makes a worker known: a new id, a lock that its death releases where the store has one, and a lease row.
    async fn register(&self, lease: Duration) -> Result<Registered, StoreError>;

    /// Extends the worker's lease to `lease` from now, for all of its tasks. A lease that has expired but was not
    /// yet rescued is revived by it.
    async fn renew_if_leased(&self, worker: &WorkerId, lease: Duration) -> Result<Renewal, StoreError>;

    /// Gives back the worker's running tasks, attempts included, other than those that it holds by these claims (task
    /// and fence); says how many.
    ///
    /// For a worker whose claim ended without an answer: it may have tasks that it does not know of, which its own
    /// renewals would keep running for ever. Not while another claim of the worker is under way.
    async fn release_all_but(&self, worker: &WorkerId, held: &[(TaskId, i64)]) -> Result<usize, StoreError>;

    /// Removes the worker, gives back what it still holds (attempts included) and releases its lock. For a clean
    /// stop: nothing of the worker may be running any more.
    async fn retire(&self, worker: &WorkerId) -> Result<(), StoreError>;

    /// The worker was dropped in the middle of its work: lets go of the lock that shows that it lives, so that others take
    /// up its tasks as those of one that has died. Default: nothing, and they are taken up when the lease has expired.
    fn abandon(&self, _worker: &WorkerId) {}

    /// Takes due tasks for the worker. Of each queue the higher priority first, then the one that has been due for longer.
    ///
    /// Tasks whose time is over end as *expired* instead. Suspects ([`Task::is_suspect`](crate::Task::is_suspect)) are only taken by a
    /// request for one.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_lease_lost`] when the worker's lease row is gone.
    async fn claim(&self, worker: &WorkerId, request: &ClaimRequest) -> Result<Claim, StoreError>;

    /// Records what became of claimed tasks, in one transaction. The answers are in the order of the reports:
    /// `false` says that the claim was overtaken, and that nothing was changed for it.
    async fn finish_if_leased(&self, worker: &WorkerId, finishes: Vec<Finish>) -> Result<Vec<bool>, StoreError>;

    /// Takes up the tasks of workers that are dead, or whose lease has expired. Removing the lease row and freeing
    /// the tasks are one transaction. A task that somebody else's transaction has locked at that moment, such as that of an
    /// atomic receiver, may be left out of it, so that it does not hold up the others. It is left without a lease row, and
    /// a later rescue takes up what has none.
    ///
    /// A store with locks looks at the locks; where it finds one free its worker is dead. A lock that is held does
    /// not extend a lease. By the lease only a worker rescues whose own lease is valid at that moment: after a suspend
    /// or a jump of the clock everybody looks expired, and the living renew first.
    async fn rescue(&self, request: &RescueRequest) -> Result<Vec<Rescued>, StoreError>;

    /// Ends a waiting task as *cancelled*. `false`: it is not waiting (any more).
    async fn cancel_if_waiting(&self, task: TaskId, reason: &str) -> Result<bool, StoreError>;

    /// Lets a dead task wait again under its number, due at once, as if it had never run: attempts and deaths begin
    /// anew, the fence goes on, the reason of its death stays until the next one, and it does not expire any more.
    /// `false`: there is no dead task of this number.
    async fn retry_if_dead(&self, task: TaskId) -> Result<bool, StoreError>;

    /// Forgets ended tasks, the oldest first per queue; says how many.
    async fn prune(&self, request: &PruneRequest) -> Result<usize, StoreError>;

    /// How many tasks there are in each state.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// One task, live or ended.
    async fn task(&self, task: TaskId) -> Result<Option<TaskRecord>, StoreError>;

    /// What a task carries, live or ended.
    async fn content(&self, task: TaskId) -> Result<Option<TaskContent>, StoreError>;

    /// Tasks, newest first.
    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskRecord>, StoreError>;

    /// Publishes what a worker has registered, for senders to compare.
    async fn publish_receivers(&self, receivers: &[PublishedReceiver]) -> Result<(), StoreError>;

    /// What workers have published within the last `within`.
    async fn published_receivers(&self, within: Duration) -> Result<Vec<PublishedReceiver>, StoreError>;

    /// How many claims, and how many batches of finishes, this store works on at the same time. A worker has so many under way,
    /// each the smaller the more there are. Where one writer does everything, a second one would only wait for the first.
    fn works_at_once(&self) -> usize {
        1
    }

    /// How many changes by which tasks may have become due this store has seen. Read it before a claim, and give it
    /// to [`Store::change_after`] when the claim got nothing.
    fn change_count(&self) -> u64;

    /// Waits for a change after `seen`: at once for commits through this store, within a few milliseconds for those
    /// of other connections and processes. A hint: it may come without cause, and whoever waits for it looks now
    /// and then by themselves.
    ///
    /// Watching the database costs something only while somebody waits here.
    async fn change_after(&self, seen: u64);
}

/// How a client sends on its own connection.
#[derive(Debug, Clone)]
pub struct OutboxStatement {
    pub(crate) insert: Arc<str>,
    /// Where some of the tasks are to be written once.
    pub(crate) insert_once: Arc<str>,
    /// One task, with a parameter for each column, where that is written faster.
    pub(crate) insert_row: Option<&'static str>,
    /// The time to write into the rows; `None` where only the database knows it.
    pub(crate) now: Option<i64>,
}

impl OutboxStatement {
    /// The statement that writes `tasks`, and its one parameter: a JSON text.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_invalid_task`] when a task cannot be stored.
    pub fn of(&self, tasks: &[NewTask]) -> Result<(&str, String), StoreError> {
        let json = crate::task_json::render(tasks, self.now)?;
        Ok((if tasks.iter().any(|task| task.once) { &self.insert_once } else { &self.insert }, json))
    }

    /// A statement that writes `task` alone, and its parameters in their order. `None`: there is only [`of`](Self::of).
    ///
    /// # Errors
    ///
    /// [`StoreError::is_invalid_task`] when the task cannot be stored.
    pub fn row<'a>(&self, task: &'a NewTask) -> Result<Option<(&'static str, [Column<'a>; 16])>, StoreError> {
        let (Some(sql), Some(now), false) = (self.insert_row, self.now, task.once) else { return Ok(None) };
        Ok(Some((sql, columns(task, checked_headers(task)?, now))))
    }
}

/// How a client records a claimed task's success on its own connection: run `insert` and then `delete` there, each with
/// the same text as its only parameter. Each moves one row, or none where the claim was overtaken or the database is
/// another; nothing may be committed then. Where successes are not kept, `delete` alone does.
#[derive(Debug, Clone)]
pub struct CompletionStatement {
    /// Writes the task into the history as succeeded, if the claim still holds it.
    pub insert: Arc<str>,
    /// Takes the task out of the live ones, if the claim still holds it.
    pub delete: Arc<str>,
    /// The time to write into the row, where the database's own clock is not the store's (in tests).
    pub(crate) now: Option<i64>,
}

impl CompletionStatement {
    /// The one parameter: a JSON text that names the claim.
    pub fn parameter(&self, worker: &WorkerId, task: &Task) -> String {
        let (worker, now) = (worker.as_str(), self.now);
        serde_json::json!({"id": task.id, "worker": worker, "fence": task.fence, "now": now}).to_string()
    }
}

/// A worker as [`Store::register`] made it known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its id.
    pub id: WorkerId,
    /// Whether others can see its death at once. If not, its tasks are taken up when its lease has expired.
    pub death_is_visible: bool,
}

/// What became of a lease that was to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It had not expired.
    Kept,
    /// It had expired, and nobody had rescued it yet: by the store's clock this worker was late, or the clock has
    /// jumped. The others may be as late.
    Revived,
    /// The row is gone: whatever the worker held was rescued.
    Gone,
}

/// Which ended tasks are to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneRequest {
    /// Those that ended so.
    pub state: EndState,
    /// Those that ended longer ago than this.
    pub older_than: Duration,
    /// How many at most: a deletion holds up other writers for as long as it takes.
    pub limit: usize,
    /// In which queues.
    pub queues: PrunedQueues,
}

/// The queues that are pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrunedQueues {
    /// This one.
    Only(String),
    /// All others than these.
    AllBut(Vec<String>),
}

/// Which workers are to be looked at, and what becomes of tasks that die alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RescueRequest {
    /// The worker that asks. It rescues by the lease only while it has one itself, and never itself.
    pub rescuer: WorkerId,
    /// Also rescue by the lease. Without it only by locks that are seen to be free.
    pub expired_leases: bool,
    /// How many deaths a task may suffer alone before it is dead.
    pub max_deaths_alone: u32,
}

/// Why a worker's tasks were taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RescueCause {
    /// Its lock was free: it is dead.
    Died,
    /// Its lease had expired: it is dead, frozen or cut off.
    LeaseExpired,
    /// It had no lease row any more: its rescue has left these tasks to whoever had them locked, or somebody has removed
    /// the row by hand.
    LeftBehind,
}

/// One worker that was rescued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    /// Who it was.
    pub worker: WorkerId,
    /// Why.
    pub cause: RescueCause,
    /// The tasks that wait again.
    pub waiting: Vec<TaskId>,
    /// The tasks that are dead, having died alone too often.
    pub dead: Vec<TaskId>,
}

/// How many tasks there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// In no worker's hands, due or not.
    pub waiting: u64,
    /// In a worker's hands.
    pub running: u64,
    /// In the history.
    pub ended: BTreeMap<EndState, u64>,
}

impl Counts {
    /// How many tasks in the history ended as `state`.
    pub fn ended(&self, state: EndState) -> u64 {
        self.ended.get(&state).copied().unwrap_or(0)
    }

    /// True when no task is live.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && self.running == 0
    }
}

/// Which tasks to list: those that meet every condition that is given.
///
/// ```
/// use signalpost_store::{SendId, TaskFilter};
///
/// let send_id = SendId::new();
/// let of_mail = TaskFilter { queue: Some("mail".to_owned()), ..TaskFilter::of_send(send_id) };
/// assert_eq!(of_mail.send_id, Some(send_id.to_string()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only tasks in this state.
    pub state: Option<State>,
    /// Only tasks of this send: see [`TaskFilter::of_send`]. As text, because a row put in by hand may hold anything.
    pub send_id: Option<String>,
    /// Only tasks of this signal, by the name in the row.
    pub signal: Option<String>,
    /// Only tasks of this receiver, by the name in the row.
    pub receiver: Option<String>,
    /// Only tasks of this queue.
    pub queue: Option<String>,
    /// Only tasks with a smaller number: the next page.
    pub before: Option<TaskId>,
    /// How many at most. Default: 50.
    pub limit: usize,
}

impl Default for TaskFilter {
    fn default() -> Self {
        Self { state: None, send_id: None, signal: None, receiver: None, queue: None, before: None, limit: 50 }
    }
}

impl TaskFilter {
    /// The tasks of one send: of a [`SendId`](crate::SendId), or of its text.
    pub fn of_send(send_id: impl Into<String>) -> Self {
        Self { send_id: Some(send_id.into()), ..Self::default() }
    }
}

/// A receiver as a worker has published it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedReceiver {
    /// The receiver's name.
    pub name: String,
    /// The signal that it listens to.
    pub signal: String,
    /// Its queue.
    pub queue: String,
}

// Stores are handed about behind an `Arc`.
const _: fn(Arc<dyn Store>) = |_| {};
