//! What the newest child knows, where the code has changed since the engine was started.

use std::collections::BTreeSet;
use std::sync::Arc;

use signalpost_store::Store;

use crate::event::Event;
use crate::pool::{Message, PoolHandle, PoolState};

/// Publishes what each new child says that is not what the one before it has said, and warns of queues that are neither served nor
/// `excluded` (`None`: those that are served were named). For as long as the pool works.
pub(crate) async fn follow(
    handle: PoolHandle,
    stores: Vec<Arc<dyn Store>>,
    served: Vec<String>,
    excluded: Option<Vec<String>>,
) {
    let mut state = handle.state.clone();
    let is_known = |queue: &String| served.contains(queue) || excluded.iter().flatten().any(|other| other == queue);
    let mut warned_of = BTreeSet::new();
    // The first one's the workers publish, as they do again from time to time.
    let mut published = state.borrow_and_update().receivers();
    while state.changed().await.is_ok() {
        let known = state.borrow_and_update().clone();
        let PoolState::Ready { queues, .. } = &known else { continue };
        for queue in queues.iter().filter(|queue| excluded.is_some() && !is_known(queue)) {
            if warned_of.insert(queue.clone()) {
                let message =
                    format!("nobody serves the queue `{queue}`, which is new: restart the worker to serve it");
                handle.send(Message::Tell(Event::new("warning", message)));
            }
        }
        if known.receivers() == published {
            continue;
        }
        published = known.receivers();
        for (number, store) in stores.iter().enumerate() {
            if let Err(error) = store.publish_receivers(&published).await {
                let message = format!("cannot publish the receivers: {}", error.in_one_line());
                handle.send(Message::Tell(Event::new("warning", handle.of_store(number, &message))));
            }
        }
    }
}
