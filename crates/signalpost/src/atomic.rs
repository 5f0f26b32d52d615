//! Transactions in which a receiver's writes and its task's success are one.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signalpost_dispatch::BoxError;
use signalpost_worker::ClaimedTask;

use crate::outbox::Outbox;

/// A client's transaction, as [`AtomicTransaction`] needs it. Not for implementing outside this crate.
pub trait ClientTransaction: Send {
    /// The client's error.
    type Error;

    /// As [`Outbox::execute`].
    #[doc(hidden)]
    fn execute(&mut self, sql: &str, json: &str) -> impl Future<Output = Result<u64, BoxError>> + Send;

    /// Commits it.
    #[doc(hidden)]
    fn commit(self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Rolls it back.
    #[doc(hidden)]
    fn rollback(self) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// An atomic receiver's transaction, in which its task is completed: see [`RunningTask::begin`](crate::RunningTask::begin).
///
/// It is used as the client's own: `sqlx::query(…).execute(&mut **tx)`, `article.insert(&*tx)` with SeaORM. Tasks are sent
/// on it with `SIGNAL.send_in(&mut tx, …)`. Dropped, it is rolled back, and the task is as it was.
#[derive(Debug)]
#[must_use = "a transaction that is dropped is rolled back"]
pub struct AtomicTransaction<T> {
    transaction: T,
    open: Open,
}

impl<T: ClientTransaction> AtomicTransaction<T> {
    pub(crate) fn new(transaction: T, open: Open) -> Self {
        Self { transaction, open }
    }

    /// Commits what was written and the task's success together. The task has succeeded then, whatever becomes of the run
    /// after that: an error or a panic is logged.
    ///
    /// # Errors
    ///
    /// What the client says. The run has failed; should the commit have been made in spite of the error, the store refuses
    /// the failure, and the task has succeeded.
    pub async fn commit(self) -> Result<(), T::Error> {
        let Self { transaction, open } = self;
        transaction.commit().await?;
        open.set_committed();
        Ok(())
    }

    /// Undoes what was written. The run goes on: it may begin another transaction, and has failed if it does not.
    ///
    /// # Errors
    ///
    /// What the client says.
    pub async fn rollback(self) -> Result<(), T::Error> {
        self.transaction.rollback().await
    }
}

impl<T> Deref for AtomicTransaction<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.transaction
    }
}

impl<T> DerefMut for AtomicTransaction<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.transaction
    }
}

impl<T: ClientTransaction> Outbox for &mut AtomicTransaction<T> {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        self.transaction.execute(sql, json).await
    }
}

/// How far an atomic receiver's run has got.
#[derive(Debug, Clone, Default)]
pub(crate) struct Atomicity(Arc<Mutex<Stage>>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    Open,
    Committed,
}

impl Atomicity {
    /// Takes the run's one place for a transaction. `Err`: it has one (`false`), or has committed one (`true`).
    pub(crate) fn open(&self, claimed: Option<ClaimedTask>) -> Result<Open, bool> {
        let mut stage = self.stage();
        if *stage != Stage::Idle {
            return Err(*stage == Stage::Committed);
        }
        *stage = Stage::Open;
        Ok(Open { atomicity: self.clone(), claimed })
    }

    pub(crate) fn is_committed(&self) -> bool {
        *self.stage() == Stage::Committed
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a run's transaction. Dropped without a commit it is free again.
#[derive(Debug)]
pub(crate) struct Open {
    atomicity: Atomicity,
    // None: there is no task, because no store is installed.
    claimed: Option<ClaimedTask>,
}

impl Open {
    fn set_committed(self) {
        *self.atomicity.stage() = Stage::Committed;
        if let Some(claimed) = &self.claimed {
            claimed.set_completed();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut stage = self.atomicity.stage();
        if *stage == Stage::Open {
            *stage = Stage::Idle;
        }
    }
}
