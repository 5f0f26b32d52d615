//! Why tasks could not be run.

use std::fmt;

use signalpost_store::StoreError;

use crate::RegistryError;

/// Why [`run_due`](super::TestStore::run_due) or [`run_all`](super::TestStore::run_all) has stopped. What a receiver
/// returns is not among it: a failure is recorded in the list of what ran.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// What was declared with `#[receiver]` cannot be registered.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A task's receiver needs something that it was not given. The task has not run, and waits as it did.
    #[error("receiver `{receiver}` takes `Data<{needs}>`\n  hint: give the store one, with `TestStore::data(…)`")]
    MissingData {
        /// The receiver.
        receiver: &'static str,
        /// The type.
        needs: &'static str,
    },
    /// So many tasks have run that this looks like a loop.
    #[error(
        "{runs} tasks have run, and the next one is due, the last of this chain: {chain}\n  hint: receivers that send \
         signals which lead back to them never end; where so many runs are meant, raise the limit with \
         `TestStore::max_runs(…)`"
    )]
    Endless {
        /// How many have run.
        runs: usize,
        /// The signals that have led to the next task, the newest last.
        chain: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// As it is displayed: a test that returns the error, or unwraps it, shows this.
impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
