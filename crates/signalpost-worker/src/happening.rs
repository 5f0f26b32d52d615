//! What comes back to the driver from everything that takes time.

use signalpost_store::{Claim, ClaimRequest, Finish, StoreError, WorkerId};

use crate::ClaimedTask;
use crate::in_hand::Hold;
use crate::run::Report;

pub(crate) enum Happening {
    /// True: the run has itself recorded its success.
    Ended(Hold, Report, bool),
    /// No code of the task's run goes on any more.
    SlotFree(ClaimedTask),
    Claimed(Result<Claim, StoreError>, ClaimRequest, WorkerId),
    Reported(Vec<Finish>, Result<Vec<bool>, StoreError>),
    GivenBack(Result<usize, StoreError>),
    LeaseRenewed,
    /// What others had left waits again.
    Rescued,
    LeaseLost,
}
