//! When there is nothing left to do.

use std::sync::Arc;
use std::time::Duration;

use signalpost_store::Store;
use tokio::time::{sleep, timeout};

use crate::trouble::Trouble;

/// For changes that nobody heard of, and after failures of the store.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Counting reads the whole queue: not at every commit of a worker at full load.
const REST: Duration = Duration::from_millis(10);

/// Completes when no task is live in any of the stores, at one moment: tasks of one may send to another.
pub async fn idle(stores: &[Arc<dyn Store>]) {
    let trouble = Trouble::default();
    // What had ended in each, when all of them were last found idle one after the other.
    let mut before = None;
    loop {
        let mut ended = Vec::with_capacity(stores.len());
        for store in stores {
            let seen = store.change_count();
            match store.counts().await {
                Ok(counts) if counts.is_idle() => ended.push(counts.ended),
                Ok(_) => {
                    let _ = timeout(LOOK_AGAIN, store.change_after(seen)).await;
                    break;
                }
                Err(error) => {
                    if let Some(untold) = trouble.note() {
                        tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), untold, "cannot count the tasks");
                    }
                    sleep(LOOK_AGAIN).await;
                    break;
                }
            }
        }
        let are_idle = ended.len() == stores.len();
        let ended = are_idle.then_some(ended);
        // Nothing has lived in any of them since: so at the moment in between all were idle.
        if are_idle && (stores.len() == 1 || ended == before) {
            return;
        }
        before = ended;
        sleep(REST).await;
    }
}
