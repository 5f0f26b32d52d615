//! Tasks of workers that have no lease row any more: what a rescue has left, because a transaction had it locked.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::Row;
use tokio::time::Instant;

use super::Database;
use super::failure::Outcome;
use super::rescue::wait_for_locks_briefly;
use super::session::Session;
use crate::{StoreError, WorkerId};

/// Who has left something knows it. Only what a rescuer has left that has died since, or a hand that has removed a lease
/// row, has to be looked for, and may take that long to be found.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The workers without a lease row that hold tasks, as far as is known.
#[derive(Default)]
pub(super) struct LeftBehind {
    workers: RefCell<BTreeSet<WorkerId>>,
    looked_at: Cell<Option<Instant>>,
}

impl LeftBehind {
    pub(super) fn workers(&self) -> Vec<WorkerId> {
        self.workers.borrow().iter().cloned().collect()
    }

    /// What was left of a worker, or that nothing is.
    pub(super) fn note(&self, worker: &WorkerId, is_left: bool) {
        if is_left {
            self.workers.borrow_mut().insert(worker.clone());
        } else {
            self.workers.borrow_mut().remove(worker);
        }
    }

    /// Something may have been left, and nobody has heard of it.
    pub(super) fn look_soon(&self) {
        self.looked_at.set(None);
    }

    /// Looks for them, when it is time to.
    pub(super) async fn look(database: &Database) -> Result<(), StoreError> {
        let left = &database.left_behind;
        if left.looked_at.get().is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        let find = async |session: &mut Session| {
            wait_for_locks_briefly(database, session).await?;
            let rows = session.all(&database.statements.left_behind, |it| it).await?;
            rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?)).collect::<Outcome<Vec<_>>>()
        };
        let found = database.reserved.transact(find).await?;
        left.looked_at.set(Some(Instant::now()));
        left.workers.borrow_mut().extend(found.into_iter().map(WorkerId::from));
        Ok(())
    }
}
