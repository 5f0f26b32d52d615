//! The fault scenarios, over real processes.

use std::path::Path;
use std::time::Duration;

use signalpost_faults::atomic::{self, Atomic};
use signalpost_faults::disturbance::Disturbance;
use signalpost_faults::disturbed::{self, Disturbed};
use signalpost_faults::freeze::{self, Freeze};
use signalpost_faults::kills::{self, Kills};
use signalpost_faults::machines::{self, Machines};
use signalpost_faults::neighbour::{self, Neighbour};
use signalpost_faults::saves::{self, Saves};
use signalpost_faults::soak::{self, Soak};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_signalpost-faults"))
}

fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..))
}

/// The figures are printed; the bound is ten times the promised one, as a busy machine must not decide.
#[test]
fn fifty_kills_over_twenty_thousand_tasks_lose_nothing() {
    let seed = seed();
    let findings = kills::run(program(), &Kills { kills: 50, tasks: 20_000, seed }).unwrap();
    println!("{findings}");
    assert!(findings.problems.is_empty(), "SEED={seed}\n{findings}");
    assert_eq!(findings.sent, 20_000);
    assert!(findings.in_hand > 0 && !findings.recovery.claimed_after.is_empty());
    for after in findings.recovery.waiting_after.iter().chain(&findings.recovery.claimed_after) {
        assert!(*after < Duration::from_secs(20), "SEED={seed}\n{findings}");
    }
}

#[test]
fn what_an_atomic_receiver_adds_is_there_once_however_often_its_workers_are_killed() {
    let seed = seed();
    let findings = atomic::run(program(), &Atomic { tasks: 2_000, every: Duration::from_millis(80), seed }).unwrap();
    println!("{findings}");
    assert!(findings.problems.is_empty(), "SEED={seed}\n{findings}");
    assert!(findings.kills > 0 && findings.in_hand > 0, "{findings}");
}

#[test]
fn somebody_else_who_writes_to_the_file_never_fails_beside_a_drain() {
    let findings = neighbour::run(program(), &Neighbour { tasks: 5_000, every: Duration::from_millis(5) }).unwrap();
    println!("{findings}");
    assert!(findings.problems.is_empty() && !findings.commits.is_empty(), "{findings}");
}

#[test]
fn a_worker_that_was_frozen_past_its_lease_changes_nothing_that_another_has_taken_over() {
    let findings = freeze::run(program(), &Freeze { tasks: 400 }).unwrap();
    println!("{findings}");
    assert!(findings.problems.is_empty(), "{findings}");
}

fn a_kill_leaves_what_was_saved_and_its_tasks_or_neither(on_postgres: bool) {
    let seed = seed();
    let findings = saves::run(program(), &Saves { kills: 50, on_postgres, seed }).unwrap();
    println!("{findings}");
    assert!(findings.problems.is_empty(), "SEED={seed}\n{findings}");
    assert!(findings.under_way >= 50 && findings.articles > 0 && findings.tasks > 0, "SEED={seed}\n{findings}");
}

#[test]
fn fifty_kills_leave_what_was_saved_and_its_tasks_or_neither() {
    a_kill_leaves_what_was_saved_and_its_tasks_or_neither(false);
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn fifty_kills_leave_what_was_saved_and_its_tasks_or_neither_on_postgresql() {
    a_kill_leaves_what_was_saved_and_its_tasks_or_neither(true);
}

/// The bounds are ten times those that are promised.
#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn workers_killed_all_the_time_beside_four_senders_lose_nothing_and_run_again_only_what_was_in_hand() {
    let (seed, every) = (seed(), Duration::from_millis(700));
    let findings = machines::run(program(), &Machines { tasks: 10_000, every, seed }).unwrap();
    println!("{findings}");
    assert!(findings.problems.is_empty(), "SEED={seed}\n{findings}");
    assert_eq!(findings.sent, 10_000);
    assert!(findings.in_hand > 0 && !findings.recovery.claimed_after.is_empty(), "SEED={seed}\n{findings}");
    for after in findings.recovery.waiting_after.iter().chain(&findings.recovery.claimed_after) {
        assert!(*after < Duration::from_secs(20), "SEED={seed}\n{findings}");
    }
}

/// What comes after the disturbance is followed to its end. How long that takes is printed, and decides nothing.
fn work_goes_on_by_itself(by: Disturbance, lease: Duration) {
    let seed = seed();
    // Ten times what is promised.
    let disturbed = Disturbed { by, rate: 100.0, lease, most_lines: 10, seed };
    let findings = disturbed::run(program(), &disturbed).unwrap();
    println!("{findings}");
    assert!(findings.problems.is_empty(), "SEED={seed}\n{findings}");
    assert!(findings.sent > 0 && findings.runs >= findings.sent, "SEED={seed}\n{findings}");
}

const LEASE: Duration = Duration::from_secs(30);

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn tasks_are_found_while_nobody_can_listen_and_everybody_listens_again() {
    work_goes_on_by_itself(Disturbance::Deafness(3), LEASE);
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn a_restart_of_the_server_costs_nothing() {
    work_goes_on_by_itself(Disturbance::Restarts(2), LEASE);
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn a_crash_of_the_server_costs_nothing() {
    work_goes_on_by_itself(Disturbance::Crashes(2), LEASE);
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn sessions_that_are_terminated_all_the_time_cost_nothing() {
    let (every, during) = (Duration::from_millis(200), Duration::from_secs(6));
    work_goes_on_by_itself(Disturbance::Terminations { every, during }, LEASE);
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn a_server_that_is_away_for_less_than_a_lease_costs_nothing() {
    work_goes_on_by_itself(Disturbance::Absence(Duration::from_secs(5)), LEASE);
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn a_server_that_is_away_for_longer_costs_another_run_of_what_was_in_hand_at_most() {
    work_goes_on_by_itself(Disturbance::Absence(Duration::from_secs(20)), Duration::from_secs(10));
}

/// Thirty seconds show no drift. They do show that the history is pruned, and that nothing piles up by the second.
fn a_steady_load_leaves_nothing_behind(on_postgres: bool) {
    let (rate, keep) = (100.0, Duration::from_secs(3));
    let findings = soak::run(program(), &Soak { during: Duration::from_secs(30), on_postgres, rate, keep }).unwrap();
    println!("{findings}");
    assert!(findings.problems.is_empty() && findings.ended > 0, "{findings}");
    let (second, last) = (findings.parts[1], findings.parts[9]);
    assert!(last.files <= second.files * 2 && last.threads <= second.threads * 2, "{findings}");
    assert!(last.memory <= second.memory * 2, "{findings}");
    // Three seconds of it, and what the pruning leaves for its next turn; ten times that if the machine is slow.
    assert!(findings.most_history < findings.ended.max(10 * 300), "nothing was pruned\n{findings}");
}

#[test]
fn half_a_minute_of_steady_load_leaves_nothing_behind() {
    a_steady_load_leaves_nothing_behind(false);
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn half_a_minute_of_steady_load_leaves_nothing_behind_on_postgresql() {
    a_steady_load_leaves_nothing_behind(true);
}

/// By this name it is left out where there can be none.
mod namespaces {
    use super::*;
    use signalpost_faults::cut_off::{self, CutOff};

    #[test]
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    fn a_host_that_is_cut_off_for_longer_than_its_lease_loses_nothing_and_its_late_results_are_refused() {
        let (seed, every, lease) = (seed(), Duration::from_secs(1), Duration::from_secs(6));
        let findings = cut_off::run(program(), &CutOff { tasks: 6_000, rate: 300.0, every, lease, seed }).unwrap();
        println!("{findings}");
        assert!(findings.problems.is_empty(), "SEED={seed}\n{findings}");
        assert!(findings.kills > 0 && findings.cut_off_in_hand > 0, "SEED={seed}\n{findings}");
        assert!(findings.given_up_after > lease && findings.sent >= 6_000, "SEED={seed}\n{findings}");
    }
}
