//! The thread on which a store's connections live, whatever runtime its callers have.

use std::future::Future;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::Database;
use crate::StoreError;

type Job = Box<dyn FnOnce(Rc<Database>, &mut JoinSet<()>) + Send>;

/// How long calls that nobody waits for any more may take when the store is dropped.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// Ends when it is dropped, and with it every connection and lock.
pub(super) struct DatabaseThread {
    jobs: mpsc::UnboundedSender<Job>,
}

impl DatabaseThread {
    /// Starts the thread, which makes the database itself: connections stay where they are made.
    pub(super) async fn start<F: Future<Output = Result<Rc<Database>, StoreError>>>(
        open: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Self, StoreError> {
        let failed = |error| StoreError::other(format!("cannot start the thread of a store: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let (opened, is_open) = oneshot::channel();
        let serve = move || async move {
            let database = match open().await {
                Ok(database) => database,
                Err(error) => return drop(opened.send(Err(error))),
            };
            let _ = opened.send(Ok(()));
            let mut calls = JoinSet::new();
            while let Some(job) = queue.recv().await {
                job(database.clone(), &mut calls);
                while calls.try_join_next().is_some() {}
            }
            let _ = timeout(LAST_CALLS, calls.join_all()).await;
        };
        thread::Builder::new()
            .name("signalpost-postgres".to_owned())
            .spawn(move || {
                let local = LocalSet::new();
                local.block_on(&runtime, serve());
                // What is dropped with it wants to be dropped within the runtime.
                let _within = runtime.enter();
                drop(local);
            })
            .map_err(failed)?;
        is_open.await.map_err(|_| StoreError::closed())??;
        Ok(Self { jobs })
    }

    /// Runs a call there. It goes on when the caller's future is dropped.
    pub(super) async fn run<T, F>(&self, call: impl FnOnce(Rc<Database>) -> F + Send + 'static) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + 'static,
    {
        let (sender, answer) = oneshot::channel();
        self.start_call(move |database, calls| {
            let call = call(database);
            calls.spawn_local(async move { drop(sender.send(call.await)) });
        })?;
        answer.await.map_err(|_| StoreError::closed())?
    }

    /// Does something there that does not wait for anything.
    pub(super) fn start_call(
        &self,
        job: impl FnOnce(Rc<Database>, &mut JoinSet<()>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.jobs.send(Box::new(job)).map_err(|_| StoreError::closed())
    }
}
