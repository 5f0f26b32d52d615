//! A worker that waits for tasks.

use std::sync::Arc;
use std::time::Duration;

use signalpost_postgres_server::TestDatabase;
use signalpost_store::{ClaimRequest, PostgresStore, Store, Task};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How seldom a store asks by itself whose tasks are to be found otherwise.
pub(crate) const HARDLY_EVER: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Waiting(JoinHandle<Task>);

impl Waiting {
    /// Looks for a task of the queue until it has found one.
    pub(crate) async fn begin(store: &Arc<PostgresStore>) -> Self {
        let (store, worker) = (store.clone(), store.register(Duration::from_secs(30)).await.unwrap().id);
        Self(tokio::spawn(async move {
            loop {
                let seen = store.change_count();
                if let Some(task) = store.claim(&worker, &ClaimRequest::new(["default"], 1)).await.unwrap().tasks.pop()
                {
                    return task;
                }
                store.change_after(seen).await;
            }
        }))
    }

    /// As [`Waiting::begin`], and has said in the table of workers that it wants to be told.
    pub(crate) async fn until_told(store: &Arc<PostgresStore>, database: &TestDatabase, workers: &str) -> Self {
        let waiting = Self::begin(store).await;
        let is_idle = format!("SELECT count(*) FROM {workers} WHERE idle IS NOT NULL");
        let asks = async {
            while database.run_sql(&is_idle).unwrap() == "0" {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, asks).await.unwrap();
        waiting
    }

    pub(crate) async fn found(self) -> Task {
        timeout(PATIENCE, self.0).await.unwrap().unwrap()
    }
}
