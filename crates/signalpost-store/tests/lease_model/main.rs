//! The lease protocol of `docs/delivery.md` as a model, explored in every interleaving, and its broken twins.
//! There is one store, whose transactions are atomic, two workers, and a number of faults. The protocol must keep
//! every promise in every reachable state. Each twin has one rule less and must break a promise: so the rule is
//! needed, and the model would see its absence.
//!
//! | who | steps |
//! |---|---|
//! | worker | claim, hear the answer · give back what it does not hold · start a receiver, end it · finish |
//! | | write and complete in one transaction (an atomic receiver) |
//! | | renew · find its lease gone, take a new id · rescue, all or but one · rescue what was left · restart |
//! | store | accepts a finish or refuses it; lets a lease expire that is not renewed |
//! | fault, each at most once | kill · freeze (and thaw) · cut off from renewing · fail · give back unstarted |
//! | | the death of a process that runs receivers for the worker, which lives on and reports it |
//! | | lose the answer to a claim, to a finish, to the commit of an atomic receiver |
//!
//! The model is harsher than the world where it can be: who thaws trusts its lease until it next renews, however
//! late; a result on its way, and a running receiver, outlive the id of their claim; rescuers have no patience.
//! A request lost on its way to the store changes nothing and is no step. The cap on deaths is left out. And one
//! thing is taken for granted: a claim whose answer is lost has been made by then, or never will be.

// From outside a test nothing can be reached, and `pub(crate)` at every field would bury the fields.
#![allow(unreachable_pub)]

mod exploration;
mod promises;
mod protocol;
mod state;
mod step;

use exploration::Exploration;
use promises::{
    CLAIMED_UNDER_LEASE, EFFECTS_ONCE, ENDS_ONCE, NOT_OVERTAKEN, NOTHING_IS_LOST, RARELY_AT_ONCE, RARELY_TWICE,
    TRUST_ENDS_FIRST,
};
use protocol::Rules;
use state::Lease::{Expired, Valid};
use step::Act;

const ACCEPTED: Act = Act::Finish { accepted: true, answer_lost: false };
const REFUSED: Act = Act::Finish { accepted: false, answer_lost: false };
const COMPLETED: Act = Act::Complete { accepted: true, answer_lost: false };
const OVERTAKEN: Act = Act::Complete { accepted: false, answer_lost: false };

#[test]
fn the_lease_protocol_holds_in_every_interleaving() {
    let found = Exploration::new(Rules::AsWritten, 1, 3);
    found.assert_holds(100_000);
    // Or something tamer than the protocol has been explored.
    assert!(found.saw(|s, _, _| s.tasks[0].deaths == 3));
    assert!(found.saw(|s, _, _| s.receivers().count() == 2));
    assert!(found.saw(|s, step, after| step.act == ACCEPTED && after.tasks[0].deaths > s.tasks[0].deaths));
    assert!(found.saw(|s, step, _| step.act == Act::Renew && s.lease(step.id) == Some(Expired)));
    assert!(found.saw(|s, step, _| step.act == Act::IsRescued && s.lease(step.id) == Some(Valid)));
    assert!(found.saw(|s, step, _| step.act == Act::Start && s.lives(step.id) && s.lease(step.id).is_none()));
    assert!(found.saw(|s, step, after| step.act == Act::GiveBack && s.tasks != after.tasks));
    assert!(found.saw(|s, step, _| step.act == ACCEPTED && s.lease(step.id) == Some(Expired)));
    assert!(found.saw(|s, step, _| step.act == REFUSED && s.lease(step.id).is_some()));
    assert!(found.saw(|s, step, _| step.act == REFUSED && !s.lives(step.id)));
    assert!(found.saw(|s, step, _| step.act == Act::LeftIsRescued && s.receivers().count() == 1));
}

#[test]
fn it_holds_for_two_tasks_under_one_lease() {
    let found = Exploration::new(Rules::AsWritten, 2, 1);
    found.assert_holds(10_000);
    assert!(found.saw(|s, _, _| s.tasks.iter().all(|t| t.deaths == 1)));
}

#[test]
fn without_the_fence_an_overtaken_result_is_accepted() {
    Exploration::new(Rules::FinishGuardedByRunning, 1, 1).assert_breaks(&[NOT_OVERTAKEN, ENDS_ONCE]);
}

#[test]
fn the_worker_does_not_tell_its_own_two_attempts_apart() {
    Exploration::new(Rules::FinishGuardedByWorker, 1, 2).assert_breaks(&[NOT_OVERTAKEN]);
}

#[test]
fn the_attempt_does_not_either_because_it_can_be_given_back() {
    let found = Exploration::new(Rules::FinishGuardedByAttempt, 1, 2);
    found.assert_breaks(&[NOT_OVERTAKEN, RARELY_AT_ONCE, RARELY_TWICE]);
}

#[test]
fn a_worker_that_was_rescued_takes_tasks_if_claims_need_no_lease_row() {
    Exploration::new(Rules::ClaimWithoutLease, 1, 2).assert_breaks(&[CLAIMED_UNDER_LEASE, NOTHING_IS_LOST]);
}

#[test]
fn what_a_rescue_has_left_is_stranded_if_no_other_comes_back_for_it() {
    Exploration::new(Rules::LeftIsForgotten, 1, 1).assert_breaks(&[NOTHING_IS_LOST]);
}

#[test]
fn a_worker_that_does_not_mind_its_own_clock_starts_receivers_too_late() {
    Exploration::new(Rules::OwnClockIgnored, 1, 1).assert_breaks(&[TRUST_ENDS_FIRST]);
}

#[test]
fn a_claim_whose_answer_is_lost_strands_its_task_unless_its_worker_gives_it_back() {
    Exploration::new(Rules::NothingGivenBack, 1, 1).assert_breaks(&[NOTHING_IS_LOST]);
}

#[test]
fn a_task_given_back_while_its_claim_is_under_way_runs_twice_at_once() {
    Exploration::new(Rules::GivenBackDuringClaims, 2, 1).assert_breaks(&[RARELY_TWICE, RARELY_AT_ONCE]);
}

#[test]
fn a_lost_claim_strands_its_task_if_an_older_attempt_at_it_counts_as_holding_it() {
    Exploration::new(Rules::HeldByTaskAlone, 1, 2).assert_breaks(&[NOTHING_IS_LOST]);
}

#[test]
fn what_an_atomic_receiver_writes_is_there_once_in_every_interleaving() {
    let found = Exploration::new(Rules::Atomic, 1, 3);
    found.assert_holds(100_000);
    assert!(found.saw(|s, step, _| step.act == OVERTAKEN && !s.lives(step.id)));
    assert!(found.saw(|_, step, _| step.act == Act::Complete { accepted: true, answer_lost: true }));
    assert!(found.saw(|s, step, _| step.act == COMPLETED && s.lease(step.id).is_none()));
    assert!(found.saw(|s, _, _| s.tasks[0].effects == 1 && s.receivers().count() == 1));
}

#[test]
fn what_is_written_before_the_finish_and_apart_from_it_is_there_twice() {
    Exploration::new(Rules::EffectsBeforeTheFinish, 1, 1).assert_breaks(&[EFFECTS_ONCE]);
}

#[test]
fn what_is_committed_without_counting_the_rows_that_moved_is_there_twice() {
    Exploration::new(Rules::MovedRowsNotCounted, 1, 1).assert_breaks(&[EFFECTS_ONCE]);
}
