//! When there is nothing left to do.

use std::time::Duration;

use signalpost_store::Store;
use tokio::time::{sleep, timeout};

use crate::trouble::Trouble;

/// For changes that nobody heard of, and after failures of the store.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Counting reads the whole queue: not at every commit of a worker at full load.
const REST: Duration = Duration::from_millis(10);

/// Completes when no task is live in the store.
pub(crate) async fn idle(store: &dyn Store) {
    let trouble = Trouble::default();
    loop {
        let seen = store.change_count();
        match store.counts().await {
            Ok(counts) if counts.is_idle() => return,
            Ok(_) => {
                let _ = timeout(LOOK_AGAIN, store.change_after(seen)).await;
                sleep(REST).await;
            }
            Err(error) => {
                if let Some(untold) = trouble.note() {
                    tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), untold, "cannot count the tasks");
                }
                sleep(LOOK_AGAIN).await;
            }
        }
    }
}
