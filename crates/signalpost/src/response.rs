//! What a receiver's turn in a send gave.

use signalpost_store::SendId;

/// One receiver's response.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response<R> {
    /// The receiver ran inside the send, and returned this.
    Now(R),
    /// A task was written; it belongs to this send. (The task's own number is not known on a caller's connection.)
    Queued(SendId),
    /// The receiver is a background one, but no store is installed: it ran inside the send.
    RanHere,
}

impl<R> Response<R> {
    /// What an inline receiver returned.
    pub fn now(&self) -> Option<&R> {
        match self {
            Response::Now(response) => Some(response),
            Response::Queued(_) | Response::RanHere => None,
        }
    }

    /// The send that the task belongs to, where one was written.
    pub fn send_id(&self) -> Option<SendId> {
        match self {
            Response::Queued(send_id) => Some(*send_id),
            Response::Now(_) | Response::RanHere => None,
        }
    }
}
