//! What the store has been asked for and has not yet answered.

use signalpost_store::ClaimRequest;

/// While the answer to one claim is on its way the next one is worked on.
const CLAIMS_AT_ONCE: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Asking {
    claims: usize,
    /// How many tasks they can bring.
    tasks: usize,
    /// A suspect, or what the store may hold for this worker: beside it nothing is claimed.
    is_alone: bool,
}

impl Asking {
    pub(super) fn is_nothing(&self) -> bool {
        self.claims == 0 && !self.is_alone
    }

    pub(super) fn tasks(&self) -> usize {
        self.tasks
    }

    /// Whether one more claim may be made. One that keeps to limits has to know what the one before it has brought.
    pub(super) fn may_claim(&self, keeps_to_limits: bool) -> bool {
        !self.is_alone && self.claims < if keeps_to_limits { 1 } else { CLAIMS_AT_ONCE }
    }

    pub(super) fn claim(&mut self, request: &ClaimRequest) {
        self.claims += 1;
        self.tasks += request.limit;
        self.is_alone |= request.suspect;
    }

    /// True: no other claim was made since.
    pub(super) fn take_claim(&mut self, request: &ClaimRequest) -> bool {
        self.claims -= 1;
        self.tasks -= request.limit;
        self.is_alone &= !request.suspect;
        self.claims == 0
    }

    pub(super) fn give_back(&mut self) {
        self.is_alone = true;
    }

    pub(super) fn given_back(&mut self) {
        self.is_alone = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_claim_is_made_beside_the_first_and_no_third() {
        let (mut asking, request) = (Asking::default(), ClaimRequest::new(["default"], 100));
        asking.claim(&request);
        assert!(asking.may_claim(false));
        assert!(!asking.may_claim(true));
        asking.claim(&request);
        assert!(!asking.may_claim(false));
        assert_eq!(asking.tasks(), 200);
        assert!(!asking.take_claim(&request));
        assert!(asking.take_claim(&request));
        assert!(asking.is_nothing());
    }

    #[test]
    fn beside_a_suspect_and_beside_a_comparison_nothing_is_claimed() {
        let (mut asking, suspect) = (Asking::default(), ClaimRequest::suspect(["default"]));
        asking.claim(&suspect);
        assert!(!asking.may_claim(false));
        asking.take_claim(&suspect);
        asking.give_back();
        assert!(!asking.may_claim(false) && !asking.is_nothing());
        asking.given_back();
        assert!(asking.may_claim(true) && asking.is_nothing());
    }
}
