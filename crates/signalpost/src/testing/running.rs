//! Running tasks in the place of a worker.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use signalpost_store::{Clock, State, StoreError, Task, TaskFilter, TaskRecord};
use signalpost_worker::Drain;

use super::{Ran, RunError, Runs, TestStore};
use crate::executor::RegisteredReceivers;
use crate::registry::ALL;
use crate::{chain, link, registry};

/// Longer than any test moves its clock.
const LEASE: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl TestStore {
    /// Runs all tasks that are due, of all queues, one after the other, and then those that are due because these ran,
    /// until none is; returns what ran, in order.
    ///
    /// Of the tasks that are due together the higher priority comes first, then the one that has been due for longer,
    /// then the one that was sent first. Each runs as in a [`Worker`](crate::Worker): by the receivers that are registered in
    /// this process, outside of the caller's scopes, with its timeout. One that fails waits for its next attempt: move
    /// the clock, and run again. What receivers send goes to this store. Limits of concurrency and rates have no effect.
    ///
    /// # Errors
    ///
    /// [`RunError`]. What was run before stays as it is.
    pub async fn run_due(&self) -> Result<Runs, RunError> {
        self.run_all(Duration::ZERO).await
    }

    /// As [`TestStore::run_due`]; then moves the store's clock to the time at which the next task is due, runs that, and
    /// so on, until no task is left, or the next one is due later than `most` from now. Waits for nothing.
    ///
    /// The clock stands then where the last task was due; if others are left, `most` from where it stood.
    ///
    /// # Errors
    ///
    /// [`RunError`].
    pub async fn run_all(&self, most: Duration) -> Result<Runs, RunError> {
        link::link()?;
        let (data, layers) = (Arc::new(self.data.clone()), self.layers.clone());
        let executor = RegisteredReceivers { store: self.store(), data, layers };
        let mut drain = Drain::begin(self.store(), Arc::new(executor), LEASE).await?;
        let until = self.clock.now().saturating_add_unsigned(u64::try_from(most.as_millis()).unwrap_or(u64::MAX));
        let mut runs = Runs::default();
        // What is told of the tasks' lives is told in this store's scope.
        let ran = self.scope(async {
            loop {
                while self.run_round(&mut drain, &mut runs).await? {}
                let waiting = self.waiting().await?;
                let Some(next) = waiting.iter().map(|task| task.run_at).filter(|at| *at > self.clock.now()).min()
                else {
                    return Ok(());
                };
                self.advance_to(next.min(until));
                if next > until {
                    return Ok(());
                }
            }
        });
        let ran: Result<(), RunError> = ran.await;
        drain.end().await?;
        ran.map(|()| runs)
    }

    /// As many tasks as are due; false when that is none.
    async fn run_round(&self, drain: &mut Drain, runs: &mut Runs) -> Result<bool, RunError> {
        let mut due = self.waiting().await?;
        due.retain(|task| task.run_at <= self.clock.now());
        due.sort_by_key(|task| (Reverse(task.priority), task.run_at, task.id));
        let before = runs.len();
        for TaskRecord { queue, .. } in due {
            // Which of the queue's tasks it is may have changed since, by what a receiver did.
            let Some(task) = drain.claim([queue]).await? else { continue };
            if runs.len() >= self.max_runs {
                return Err(RunError::Endless { runs: runs.len(), chain: way_to(&task) });
            }
            self.check_data(&task)?;
            let outcome = drain.run(task.clone()).await?;
            runs.push(Ran::new(&task, outcome));
        }
        Ok(runs.len() > before)
    }

    /// A worker checks this for everybody when it starts. Here it is asked of those who run: the receivers of a test
    /// binary need more, all together, than any of its tests gives.
    fn check_data(&self, task: &Task) -> Result<(), RunError> {
        let receivers = match &*task.receiver {
            ALL => registry::of_signal(&task.signal),
            one => registry::find(&task.signal, one).into_iter().collect(),
        };
        match receivers.iter().find_map(|receiver| Some((receiver.name(), receiver.missing(&self.data)?))) {
            Some((receiver, needs)) => Err(RunError::MissingData { receiver, needs: needs.name() }),
            None => Ok(()),
        }
    }

    /// The tasks that wait, in no order.
    pub(super) async fn waiting(&self) -> Result<Vec<TaskRecord>, StoreError> {
        let all = TaskFilter { state: Some(State::Waiting), limit: usize::MAX, ..TaskFilter::default() };
        self.store.tasks(&all).await
    }

    fn advance_to(&self, at: i64) {
        self.clock.advance(Duration::from_millis(u64::try_from(at - self.clock.now()).unwrap_or(0)));
    }
}

/// The signals that have led to the task.
fn way_to(task: &Task) -> String {
    match task.headers.as_ref().and_then(|headers| headers.get(chain::HEADER)) {
        Some(before) => chain::shown(before, &task.signal, task.depth),
        None => task.signal.clone(),
    }
}
