//! Testing code that sends, and receivers, without a worker and without waiting.

mod captured;
mod enqueued;
mod ran;
mod run_error;
mod running;
mod test_store;

use std::ptr;
use std::sync::Arc;

use signalpost_store::Store;

pub use captured::{Capture, Captured};
pub use enqueued::Enqueued;
pub use ran::{Ran, Runs};
pub use run_error::RunError;
pub use test_store::TestStore;

/// Where sends are looked into: see `hooks.rs` for what is there without this module.
pub(crate) mod hooks {
    pub(crate) use super::captured::Captures;
}

/// Whether what is sent here goes to `store`.
fn is_current(store: &Arc<dyn Store>) -> bool {
    crate::install::current().is_some_and(|current| ptr::addr_eq(Arc::as_ptr(&current), Arc::as_ptr(store)))
}

/// Whether a receiver is meant by `name`: its own, or the last parts of its path.
fn is_named(receiver: &str, name: &str) -> bool {
    receiver.strip_suffix(name).is_some_and(|path| path.is_empty() || path.ends_with("::"))
}
