//! Why a model was not written.

use std::fmt;

use sea_orm::DbErr;
use signalpost_dispatch::SendError;

/// Why a write that sends has failed.
///
/// In a transaction of its own nothing was written. In one of the caller's, [`ModelError::Sending`] leaves the row
/// written and its tasks not: roll back, to the savepoint if there is one.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A receiver of the `pre_` signal has refused the write, and nothing was written.
    #[error("nothing was written: {0}")]
    Refused(#[source] SendError),
    /// The database has, or a method of the entity's `ActiveModelBehavior`.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// An inline receiver of the `post_` signal has returned an error, or the tasks could not be written.
    #[error(transparent)]
    Sending(SendError),
}

/// As it is displayed: a `main` that returns the error shows this.
impl fmt::Debug for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
