//! The suite that every store has to pass.
//!
//! A store's own tests make a [`Fixture`] and hand it to [`store_tests!`](crate::store_tests):
//!
//! ```
//! use signalpost_store::conformance::{Fixture, Sql};
//! use signalpost_store::{Clock, ManualClock, SqliteOptions, Store};
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! struct Sqlite {
//!     directory: tempfile::TempDir,
//!     clock: Arc<ManualClock>,
//! }
//!
//! impl Fixture for Sqlite {
//!     async fn new() -> Self {
//!         Self { directory: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::new(1_000_000)) }
//!     }
//!
//!     async fn open(&self) -> Arc<dyn Store> {
//!         let options = SqliteOptions::new(self.directory.path().join("store.db"));
//!         Arc::new(options.clock(self.clock.clone()).open().unwrap())
//!     }
//!
//!     async fn advance(&self, by: Duration) {
//!         self.clock.advance(by);
//!     }
//!
//!     async fn tamper(&self, sql: Sql) {
//!         let path = self.directory.path().join("store.db");
//!         rusqlite::Connection::open(path).unwrap().execute_batch(sql.sqlite).unwrap();
//!     }
//!
//!     async fn transact(&self, statements: &[&str], json: &str, commit: bool) -> Vec<u64> {
//!         let path = self.directory.path().join("store.db");
//!         let mut client = rusqlite::Connection::open(path).unwrap();
//!         let transaction = client.transaction().unwrap();
//!         let moved = statements.iter().map(|sql| transaction.execute(sql, [json]).unwrap() as u64).collect();
//!         if commit { transaction.commit().unwrap() } else { transaction.rollback().unwrap() }
//!         moved
//!     }
//! }
//!
//! signalpost_store::store_tests!(Sqlite);
//! # fn main() {}
//! ```

// Public for `store_tests!` only. Each test's name is its documentation.
#[doc(hidden)]
pub mod claiming;
#[doc(hidden)]
pub mod finishing;
#[doc(hidden)]
pub mod rescuing;
#[doc(hidden)]
pub mod sending;
#[doc(hidden)]
pub mod upgrading;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::{Claim, ClaimRequest, Finish, NewTask, Outcome, RescueRequest, Rescued, Store, Task, WorkerId};

/// What the suite needs of a store. Every test makes a fixture of its own.
pub trait Fixture: Send + Sync {
    /// An empty database.
    fn new() -> impl Future<Output = Self> + Send;

    /// One more handle on the database, as another process would have. Dropping it is that process's death.
    fn open(&self) -> impl Future<Output = Arc<dyn Store>> + Send;

    /// Moves the clock of the store forward.
    fn advance(&self, by: Duration) -> impl Future<Output = ()> + Send;

    /// Runs SQL on a connection of its own, to put in what no store would write.
    fn tamper(&self, sql: Sql) -> impl Future<Output = ()> + Send;

    /// Executes statements in one transaction on a connection of its own, as a client does, each with `json` as its only
    /// parameter; commits or rolls back, and says how many rows each has moved.
    fn transact(&self, statements: &[&str], json: &str, commit: bool) -> impl Future<Output = Vec<u64>> + Send;
}

/// SQL, in the words of each database.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

impl From<&'static str> for Sql {
    /// What both understand.
    fn from(sql: &'static str) -> Self {
        Self { sqlite: sql, postgres: sql }
    }
}

/// Makes the suite's tests for a [`Fixture`], one `#[tokio::test]` for each, with the attributes that are given.
#[macro_export]
macro_rules! store_tests {
    (@all $attributes:tt $fixture:ty: $($theme:ident { $($test:ident)* })*) => {
        $($($crate::store_tests! { @one $attributes $fixture, $theme, $test })*)*
    };
    (@one ($(#[$attribute:meta])*) $fixture:ty, $theme:ident, $test:ident) => {
            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $crate::conformance::$theme::$test(
                    &<$fixture as $crate::conformance::Fixture>::new().await,
                ).await;
            }
    };
    ($(#[$attribute:meta])* $fixture:ty) => {
        $crate::store_tests! { @all ($(#[$attribute])*) $fixture:
            sending {
                inserted_tasks_are_numbered_in_order
                a_task_is_stored_as_it_was_given
                a_task_that_cannot_be_stored_is_refused_by_name
                concurrent_inserts_succeed_or_fail_alone
                a_delayed_task_waits_for_its_time
                of_a_delay_and_a_time_the_later_one_counts
                a_task_that_is_sent_once_is_written_once_while_it_is_live_or_remembered
                tasks_that_exist_are_told_apart_from_those_that_are_written
                the_same_task_twice_in_one_call_is_written_once
                tasks_are_listed_by_what_they_are
                an_insert_through_another_handle_is_noticed
                published_receivers_can_be_compared
            }
            claiming {
                a_task_is_claimed_once_by_many_claimers
                higher_priority_comes_first_then_the_earlier_one
                only_the_queues_asked_for_are_claimed
                a_claim_is_shared_among_queues
                no_more_tasks_of_a_limited_receiver_are_claimed_than_are_wanted
                a_claim_says_when_the_next_task_is_due
                a_claim_needs_a_lease
                a_task_whose_time_is_over_ends_expired
                however_many_tasks_are_over_none_of_them_is_claimed
                a_waiting_task_can_be_cancelled_and_a_running_one_cannot
                rows_put_in_by_hand_do_not_stop_a_claim
            }
            finishing {
                a_success_moves_to_the_history_and_a_second_report_is_refused
                every_outcome_is_recorded
                what_a_task_carries_can_be_read_for_as_long_as_it_is_kept
                a_release_gives_the_attempt_back
                a_death_of_what_ran_it_is_counted_and_is_no_failure
                a_deferred_task_remembers_since_when
                an_overtaken_claim_is_refused
                a_stale_report_beside_a_valid_one_does_not_hide_it
                tasks_that_follow_are_written_with_an_accepted_finish_only
                a_reason_is_made_storable
                the_history_is_pruned_by_state_and_age
                each_queue_is_pruned_by_itself
                a_success_of_which_no_history_is_kept_is_guarded_too
                a_dead_task_can_be_tried_again
                tasks_of_a_claim_without_an_answer_can_be_given_back
                a_retired_worker_leaves_its_tasks_waiting
                a_client_completes_a_task_with_its_own_transaction_or_not_at_all
                a_client_can_complete_a_task_without_leaving_it_in_the_history
                a_client_cannot_complete_an_overtaken_claim
            }
            rescuing {
                a_dead_workers_tasks_wait_again
                a_living_worker_is_left_alone
                an_expired_lease_is_rescued_only_when_asked_for
                a_renewed_lease_holds
                after_a_jump_of_the_clock_the_living_renew_first
                a_worker_that_was_rescued_finds_its_lease_gone
                two_rescuers_do_not_count_a_death_twice
                a_task_whose_worker_has_no_lease_row_is_taken_up_too
                only_deaths_suffered_alone_count_towards_the_cap
                a_suspect_is_claimed_alone
            }
            upgrading {
                an_older_program_works_on_beside_a_newer_one
            }
        }
    };
}

const LEASE: Duration = Duration::from_secs(30);

/// Has a worker that has just registered look for the fallen.
async fn rescue(store: &Arc<dyn Store>, expired_leases: bool) -> Vec<Rescued> {
    let rescuer = worker(store).await;
    let request = RescueRequest { rescuer: rescuer.clone(), expired_leases, max_deaths_alone: 3 };
    let rescued = store.rescue(&request).await.unwrap();
    store.retire(&rescuer).await.unwrap();
    rescued
}

fn new_task(receiver: &str) -> NewTask {
    NewTask::new("tests.signal", receiver, "{}")
}

async fn worker(store: &Arc<dyn Store>) -> WorkerId {
    store.register(LEASE).await.unwrap().id
}

async fn claim(store: &Arc<dyn Store>, worker: &WorkerId, limit: usize) -> Claim {
    store.claim(worker, &ClaimRequest::new(["default"], limit)).await.unwrap()
}

/// Sends one task and claims it.
async fn claimed(store: &Arc<dyn Store>, worker: &WorkerId) -> Task {
    store.insert(vec![new_task("only")]).await.unwrap();
    claim(store, worker, 1).await.tasks.remove(0)
}

async fn finish(store: &Arc<dyn Store>, worker: &WorkerId, task: &Task, outcome: Outcome) -> bool {
    store.finish_if_leased(worker, vec![Finish::new(task, outcome)]).await.unwrap()[0]
}

fn success() -> Outcome {
    Outcome::Succeeded { result: None }
}

fn receivers(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| &*task.receiver).collect()
}
