//! Running tasks one at a time, where and when the caller says.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use signalpost_store::{ClaimRequest, Finish, Outcome, Store, StoreError, Task, WorkerId};

use tokio::runtime::Handle;

use crate::run::{self, AbortOnDrop, Report};
use crate::verdict::Terms;
use crate::{ClaimedTask, Executor, Failure, ReceiverPolicy, WorkerOptions, verdict};

/// A worker without a loop: it claims one task when it is told to, and runs it. For tests, and for commands that end.
///
/// What becomes of a task is what a [`Worker`](crate::Worker) with the default settings makes of it: the same failures,
/// retries, timeouts and unknown receivers. Limits of concurrency are kept by running one task at a time; rates are not
/// looked at. Nobody is rescued, and nothing is pruned.
///
/// ```
/// # use signalpost_store::{NewTask, Outcome, SqliteStore, Store, Task};
/// # use signalpost_worker::{ClaimedTask, Drain, Executor, Known, ReceiverPolicy, Run, Success};
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # struct Printer;
/// # impl Executor for Printer {
/// #     fn look_up(&self, _: &Task) -> Known {
/// #         Known::As(ReceiverPolicy::default())
/// #     }
/// #     fn run(&self, _: ClaimedTask) -> Run {
/// #         Run::asynchronous(async { Ok(Success::default()) })
/// #     }
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("app.db");
/// let store = Arc::new(SqliteStore::open(path)?);
/// store.insert(vec![NewTask::new("doc.signal", "print", "{}")]).await?;
///
/// let mut drain = Drain::begin(store, Arc::new(Printer), Duration::from_secs(3600)).await?;
/// while let Some(task) = drain.claim(["default"]).await? {
///     assert!(matches!(drain.run(task).await?, Outcome::Succeeded { .. }));
/// }
/// drain.end().await?;
/// # Ok(())
/// # }
/// ```
///
/// Dropped without [`Drain::end`] it gives back what it holds, as far as its store does so without being waited for;
/// otherwise that is taken up when the lease has expired. Blocking code in the middle of a run goes on.
pub struct Drain {
    store: Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    worker: WorkerId,
    unknown_grace: Duration,
    // The store's time at the newest claim.
    store_now: i64,
    ended: bool,
}

impl Drain {
    /// Registers with the store. The lease is never renewed: give one that is longer than all runs together take.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn begin(
        store: Arc<dyn Store>,
        executor: Arc<dyn Executor>,
        lease: Duration,
    ) -> Result<Self, StoreError> {
        let worker = store.register(lease).await?.id;
        let unknown_grace = WorkerOptions::default().unknown_grace;
        Ok(Self { store, executor, worker, unknown_grace, store_now: 0, ended: false })
    }

    /// Claims the task that is due first in the first of these queues that has any; suspects when there is no other.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn claim<Q: Into<String>>(
        &mut self,
        queues: impl IntoIterator<Item = Q>,
    ) -> Result<Option<Task>, StoreError> {
        let queues: Vec<String> = queues.into_iter().map(Into::into).collect();
        let mut claim = self.store.claim(&self.worker, &ClaimRequest::new(queues.clone(), 1)).await?;
        if claim.tasks.is_empty() && claim.suspect_is_due {
            claim = self.store.claim(&self.worker, &ClaimRequest::suspect(queues)).await?;
        }
        self.store_now = claim.now;
        Ok(claim.tasks.pop())
    }

    /// Runs the task to its end, and records what became of it.
    ///
    /// # Errors
    ///
    /// What the store says, and [`StoreError::is_lease_lost`] when the claim was overtaken. Never a receiver's failure.
    pub async fn run(&self, task: Task) -> Result<Outcome, StoreError> {
        let task = Arc::new(task);
        let (outcome, then) = match verdict::of_look_up(&*self.executor, &task, self.unknown_grace, self.store_now) {
            Err(outcome) => (outcome, Vec::new()),
            Ok(policy) => {
                self.executor.started(&task);
                let claimed = ClaimedTask::new(task.clone(), self.worker.clone());
                let report = self.run_apart(claimed.clone(), policy).await;
                if claimed.is_completed() {
                    let outcome = Outcome::Succeeded { result: None };
                    self.executor.finished(&task, &outcome);
                    return Ok(outcome);
                }
                let WorkerOptions { max_deaths_alone, .. } = WorkerOptions::default();
                let terms = Terms {
                    unknown_grace: self.unknown_grace,
                    max_deaths_alone,
                    now: self.store_now,
                    is_stopping: false,
                };
                verdict::of_run(&task, &policy, report, &terms)
            }
        };
        verdict::log(&task, &outcome);
        let mut finish = Finish { then, ..Finish::new(&task, outcome) };
        let mut answer = self.store.finish_if_leased(&self.worker, vec![finish.clone()]).await;
        if let Err(error) = &answer
            && let Some(outcome) = verdict::of_refusal(error)
        {
            (finish.outcome, finish.then) = (outcome, Vec::new());
            answer = self.store.finish_if_leased(&self.worker, vec![finish.clone()]).await;
        }
        if answer? != [true] {
            return Err(StoreError::lease_lost(self.worker.as_str()));
        }
        self.executor.finished(&task, &finish.outcome);
        Ok(finish.outcome)
    }

    /// Outside whatever the caller is in, as in a worker.
    async fn run_apart(&self, claimed: ClaimedTask, policy: ReceiverPolicy) -> Report {
        let executor = self.executor.clone();
        let running = tokio::spawn(async move {
            let cancellation = claimed.cancellation.clone();
            executor.run(claimed).finish(policy.timeout, &cancellation).await
        });
        let _ends_with_us = AbortOnDrop(running.abort_handle());
        running.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => run::panicked(panic),
            Err(error) => Err(Failure::new(error.to_string())),
        })
    }

    /// Gives back what was claimed and not run, and takes leave of the store.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn end(mut self) -> Result<(), StoreError> {
        self.ended = true;
        self.store.retire(&self.worker).await
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (store, worker) = (self.store.clone(), self.worker.clone());
        let mut retire = async move { drop(store.retire(&worker).await) }.boxed();
        // To be polled once has a store give back what is held that has a thread of its own. The rest is its own affair.
        if (&mut retire).now_or_never().is_none()
            && let Ok(runtime) = Handle::try_current()
        {
            drop(runtime.spawn(retire));
        }
    }
}
