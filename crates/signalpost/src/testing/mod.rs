#![doc = include_str!("guide.md")]

mod captured;
mod enqueued;
mod muted;
mod ran;
mod run_error;
mod running;
mod test_store;

use std::ptr;
use std::sync::Arc;

use signalpost_store::Store;

pub use captured::{Capture, Captured};
pub use enqueued::Enqueued;
pub use muted::Muted;
pub use ran::{Ran, Runs};
pub use run_error::RunError;
pub use test_store::TestStore;

/// Where sends are looked into: see `hooks.rs` for what is there without this module.
pub(crate) mod hooks {
    pub(crate) use super::captured::Captures;
    pub(crate) use super::muted::{filter, is_muted, is_muted_for};
}

/// Whether what is sent here goes to `store`.
fn is_current(store: &Arc<dyn Store>) -> bool {
    crate::install::current().is_some_and(|current| is_same(&current, store))
}

fn is_same(one: &Arc<dyn Store>, other: &Arc<dyn Store>) -> bool {
    ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}

/// Whether a receiver is meant by `name`: its own, or the last parts of its path.
fn is_named(receiver: &str, name: &str) -> bool {
    receiver.strip_suffix(name).is_some_and(|path| path.is_empty() || path.ends_with("::") || path.ends_with('.'))
}
