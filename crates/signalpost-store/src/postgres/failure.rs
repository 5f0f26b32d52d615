//! What the server says, in our words where we have better ones.

use sqlx::Error;

use crate::StoreError;

/// What goes wrong inside a call, before it is put into words.
#[derive(Debug)]
pub(super) enum Failure {
    Postgres(Error),
    Store(StoreError),
}

pub(super) type Outcome<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Postgres(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

impl Failure {
    pub(super) fn explained(self, place: &str) -> StoreError {
        match self {
            Failure::Postgres(error) => StoreError::postgres(place, &error),
            Failure::Store(error) => error,
        }
    }
}

/// Whether the connection is of no more use.
pub(super) fn is_broken(error: &Error) -> bool {
    match error {
        // The server ends the session with these: it shuts down, or somebody has terminated it.
        Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
        Error::RowNotFound | Error::ColumnDecode { .. } | Error::ColumnNotFound(_) | Error::Decode(_) => false,
        _ => true,
    }
}
