//! What comes back to the driver from everything that takes time.

use std::sync::Arc;

use signalpost_store::{Claim, ClaimRequest, Finish, StoreError, Task, WorkerId};

use crate::executor::Report;
use crate::in_hand::Hold;

pub(crate) enum Happening {
    Ended(Hold, Report),
    /// No code of the task's run goes on any more.
    SlotFree(Arc<Task>),
    Claimed(Result<Claim, StoreError>, ClaimRequest, WorkerId),
    Reported(Vec<Finish>, Result<Vec<bool>, StoreError>),
    GivenBack(Result<usize, StoreError>),
    LeaseRenewed,
    LeaseLost,
}
