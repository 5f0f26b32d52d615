//! A step of a worker or of its lease, which may be a fault.

use std::fmt;

use crate::state::{Attempt, Id};

#[derive(Clone, Copy)]
pub struct Step {
    pub act: Act,
    pub id: Id,
    pub attempt: Option<Attempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Claim,
    HearAnswer,
    LoseAnswer,
    Start,
    End(Verdict),
    Finish { accepted: bool, answer_lost: bool },
    Complete { accepted: bool, answer_lost: bool },
    GiveBack,
    Renew,
    FindLeaseGone,
    LeaseExpires,
    IsRescued,
    IsRescuedInPart,
    LeftIsRescued,
    CutOff,
    Freeze,
    Thaw,
    Kill,
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    Success,
    Failure,
    FailureForGood,
    Release,
    /// The process that ran it for the worker has died, and the worker lives on.
    Death,
}

impl Act {
    /// Every kind of fault has a bit, what is no fault has none.
    pub fn fault(self) -> u8 {
        match self {
            Act::LoseAnswer => 1,
            Act::Finish { answer_lost: true, .. } | Act::Complete { answer_lost: true, .. } => 2,
            Act::End(Verdict::Failure | Verdict::FailureForGood) => 4,
            Act::End(Verdict::Release) => 8,
            Act::CutOff => 16,
            Act::Freeze => 32,
            Act::Kill => 64,
            Act::End(Verdict::Death) => 128,
            _ => 0,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.id, self.act)?;
        self.attempt.map_or(Ok(()), |a| write!(f, ": task {}, fence {}, attempt {}", a.task + 1, a.fence, a.number))
    }
}
