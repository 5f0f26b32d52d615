//! What comes back to the driver from everything that takes time.

use signalpost_store::{Claim, ClaimRequest, Finish, StoreError, WorkerId};

use crate::executor::Report;
use crate::in_hand::Hold;

pub(crate) enum Happening {
    Ended(Hold, Report),
    SlotFree(Hold),
    Claimed(Result<Claim, StoreError>, ClaimRequest, WorkerId),
    Reported(Vec<Finish>, Result<Vec<bool>, StoreError>),
    GivenBack(Result<usize, StoreError>),
    LeaseRenewed,
    LeaseLost,
}
