//! What the store has been asked for and has not yet answered.

use signalpost_store::ClaimRequest;

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

    /// Whether one more claim may be made beside those that are under way.
    pub(super) fn may_claim(&self, at_once: usize) -> bool {
        !self.is_alone && self.claims < at_once
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
    fn as_many_claims_are_made_at_once_as_the_store_works_on() {
        let (mut asking, request) = (Asking::default(), ClaimRequest::new(["default"], 100));
        asking.claim(&request);
        assert!(asking.may_claim(2));
        assert!(!asking.may_claim(1));
        asking.claim(&request);
        assert!(!asking.may_claim(2));
        assert_eq!(asking.tasks(), 200);
        assert!(!asking.take_claim(&request));
        assert!(asking.take_claim(&request));
        assert!(asking.is_nothing());
    }

    #[test]
    fn beside_a_suspect_and_beside_a_comparison_nothing_is_claimed() {
        let (mut asking, suspect) = (Asking::default(), ClaimRequest::suspect(["default"]));
        asking.claim(&suspect);
        assert!(!asking.may_claim(2));
        asking.take_claim(&suspect);
        asking.give_back();
        assert!(!asking.may_claim(2) && !asking.is_nothing());
        asking.given_back();
        assert!(asking.may_claim(1) && asking.is_nothing());
    }
}
