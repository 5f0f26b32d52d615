//! The reference for latency: a notification in every commit, and a claim for each.

use std::future::poll_fn;
use std::sync::Arc;

use signalpost::BoxError;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_postgres::{AsyncMessage, NoTls};

use super::raw;
use crate::ping::{Ping, Runs};

/// Listens, and claims the task that is waiting whenever it is told of one.
pub(super) struct Listener(AbortHandle);

impl Listener {
    /// Returns when it listens. Tasks that it has claimed count as run.
    pub(super) async fn start(url: &str, runs: Arc<Runs>) -> Result<Self, BoxError> {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
        let (told, mut hears) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    let _ = told.send(());
                }
            }
        });
        client.batch_execute("LISTEN bench").await?;
        let claimer = raw::Claimer::new(client).await?;
        let listening = tokio::spawn(async move {
            while let Some(()) = hears.recv().await {
                for (_, payload) in claimer.claim().await.unwrap_or_default() {
                    if let Ok(Ping { number }) = serde_json::from_str(&payload) {
                        runs.note(number);
                    }
                }
            }
        });
        Ok(Self(listening.abort_handle()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}
