//! Reporting what became of a task.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Fixture, LEASE, claim, claimed, finish, new_task, success, worker};
use crate::{ClaimRequest, EndState, Finish, Outcome, PruneRequest, PrunedQueues, Renewal, State, TaskFilter, TaskId};

pub async fn a_death_of_what_ran_it_is_counted_and_is_no_failure(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let task = claimed(&store, &worker).await;
    let died = || Outcome::Died { reason: "killed by signal 9".to_owned() };
    assert!(finish(&store, &worker, &task, died()).await);
    assert!(!finish(&store, &worker, &task, died()).await);
    let record = store.task(task.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt, record.deaths), (State::Waiting, 1, 1));
    assert_eq!(record.reason.as_deref(), Some("killed by signal 9"));
    let again = claim(&store, &worker, 1).await.tasks.remove(0);
    assert_eq!((again.id, again.attempt, again.failures(), again.deaths), (task.id, 2, 0, 1));
    assert!(finish(&store, &worker, &again, died()).await);
    // A suspect now, as after two rescues.
    let nothing = claim(&store, &worker, 1).await;
    assert!(nothing.tasks.is_empty() && nothing.suspect_is_due);
}

pub async fn a_success_moves_to_the_history_and_a_second_report_is_refused(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let task = claimed(&store, &worker).await;
    assert_eq!(store.task(task.id).await.unwrap().unwrap().state, State::Running);
    let report = Finish::new(&task, success());
    let answers = store.finish_if_leased(&worker, vec![report.clone(), report]).await.unwrap();
    assert_eq!(answers, [true, false]);
    assert!(!finish(&store, &worker, &task, success()).await);
    assert!(!finish(&store, &worker, &task, Outcome::Released).await);
    let record = store.task(task.id).await.unwrap().unwrap();
    assert_eq!(record.state, State::Ended(EndState::Succeeded));
    assert_eq!((record.attempt, record.result, record.reason), (1, None, None));
    assert!(record.finished_at.is_some());
    let counts = store.counts().await.unwrap();
    assert!(counts.is_idle());
    assert_eq!(counts.ended(EndState::Succeeded), 1);
}

pub async fn every_outcome_is_recorded(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    store.insert((0..4).map(|_| new_task("a")).collect()).await.unwrap();
    let tasks = claim(&store, &worker, 4).await.tasks;
    let after = Duration::from_secs(90);
    let outcomes = [
        Outcome::Succeeded { result: Some("42".to_owned()) },
        Outcome::Dead { reason: "no such mailbox".to_owned() },
        Outcome::Retry { after, reason: "try later".to_owned() },
        Outcome::Released,
    ];
    let finishes = tasks.iter().zip(outcomes).map(|(task, outcome)| Finish::new(task, outcome)).collect();
    assert_eq!(store.finish_if_leased(&worker, finishes).await.unwrap(), [true; 4]);

    let mut records = store.tasks(&TaskFilter::default()).await.unwrap();
    records.reverse();
    assert_eq!(records[0].state, State::Ended(EndState::Succeeded));
    assert_eq!(records[0].result.as_deref(), Some("42"));
    assert_eq!(records[1].state, State::Ended(EndState::Dead));
    assert_eq!(records[1].reason.as_deref(), Some("no such mailbox"));
    assert_eq!((records[2].state, records[2].attempt), (State::Waiting, 1));
    assert_eq!(records[2].reason.as_deref(), Some("try later"));
    assert_eq!((records[3].state, records[3].attempt), (State::Waiting, 0));

    assert_eq!(claim(&store, &worker, 4).await.tasks[0].id, tasks[3].id);
    fixture.advance(after).await;
    let retried = claim(&store, &worker, 4).await.tasks.remove(0);
    assert_eq!((retried.id, retried.attempt, retried.failures(), retried.fence), (tasks[2].id, 2, 1, 2));
    // A success after a failure still tells of it.
    assert!(finish(&store, &worker, &retried, success()).await);
    assert_eq!(store.task(retried.id).await.unwrap().unwrap().reason.as_deref(), Some("try later"));
}

pub async fn what_a_task_carries_can_be_read_for_as_long_as_it_is_kept(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let (given, minute) = (r#"{"text":"käse"}"#, Duration::from_secs(60));
    let headers = BTreeMap::from([("language".to_owned(), "de".to_owned())]);
    let mut new = new_task("a");
    (new.payload, new.payload_version, new.headers) = (given.into(), 3, headers.clone());
    (new.priority, new.expires_in) = (-7, Some(minute));
    let ids = store.insert(vec![new; 3]).await.unwrap();
    let payload_of = async |id: TaskId| {
        let content = store.content(id).await.unwrap().unwrap();
        assert_eq!((content.payload_version, content.headers), (3, Some(headers.clone())));
        let record = store.task(id).await.unwrap().unwrap();
        assert_eq!((record.priority, record.expires_at), (-7, Some(record.created_at + 60_000)));
        content.payload.map(|bytes| String::from_utf8(bytes).unwrap())
    };
    assert_eq!(payload_of(ids[0]).await.as_deref(), Some(given), "waiting");
    let tasks = claim(&store, &worker, 2).await.tasks;
    assert_eq!(payload_of(ids[0]).await.as_deref(), Some(given), "running");
    assert!(finish(&store, &worker, &tasks[0], success()).await);
    assert!(finish(&store, &worker, &tasks[1], Outcome::Dead { reason: "no".to_owned() }).await);
    assert!(store.cancel_if_waiting(ids[2], "not needed").await.unwrap());
    assert_eq!(payload_of(ids[0]).await, None, "succeeded");
    assert_eq!(payload_of(ids[1]).await.as_deref(), Some(given), "dead");
    assert_eq!(payload_of(ids[2]).await.as_deref(), Some(given), "cancelled");
    assert_eq!(store.content(TaskId(1_000_000)).await.unwrap(), None);
    fixture.tamper("UPDATE signalpost_history SET headers = '[]'".into()).await;
    assert_eq!(store.content(ids[1]).await.unwrap().unwrap().headers, None);
}

pub async fn a_release_gives_the_attempt_back(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let mut task = claimed(&store, &worker).await;
    for round in 1..4 {
        assert!(finish(&store, &worker, &task, Outcome::Released).await);
        task = claim(&store, &worker, 1).await.tasks.remove(0);
        assert_eq!((task.attempt, task.fence, task.failures()), (1, round + 1, 0));
    }
}

pub async fn a_deferred_task_remembers_since_when(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let first = claimed(&store, &worker).await;
    assert_eq!(first.unknown_since, None);
    let deferred = || Outcome::Deferred { after: Duration::from_secs(10), reason: "no receiver".to_owned() };
    assert!(finish(&store, &worker, &first, deferred()).await);
    fixture.advance(Duration::from_secs(10)).await;
    let second = claim(&store, &worker, 1).await.tasks.remove(0);
    assert_eq!(second.attempt, 1);
    let since = second.unknown_since.unwrap();
    assert!(finish(&store, &worker, &second, deferred()).await);
    fixture.advance(Duration::from_secs(10)).await;
    let third = claim(&store, &worker, 1).await.tasks.remove(0);
    assert_eq!(third.unknown_since, Some(since));
    // Once somebody has known it, the waiting is forgotten.
    let retry = Outcome::Retry { after: Duration::ZERO, reason: "failed".to_owned() };
    assert!(finish(&store, &worker, &third, retry).await);
    assert_eq!(claim(&store, &worker, 1).await.tasks[0].unknown_since, None);
}

pub async fn an_overtaken_claim_is_refused(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let one = worker(&store).await;
    let other = worker(&store).await;
    let old = claimed(&store, &one).await;
    assert!(finish(&store, &one, &old, Outcome::Released).await);
    let new = claim(&store, &other, 1).await.tasks.remove(0);
    assert_eq!(new.id, old.id);
    for outcome in [success(), Outcome::Dead { reason: "x".into() }, Outcome::Released] {
        // Neither by another worker with the fence of old, nor by the right worker with it.
        assert!(!finish(&store, &one, &old, outcome.clone()).await);
        assert!(!finish(&store, &other, &old, outcome.clone()).await);
        assert!(!finish(&store, &one, &new, outcome).await);
    }
    assert_eq!(store.task(new.id).await.unwrap().unwrap().state, State::Running);
    assert!(finish(&store, &other, &new, success()).await);
}

pub async fn a_stale_report_beside_a_valid_one_does_not_hide_it(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let old = claimed(&store, &worker).await;
    assert!(finish(&store, &worker, &old, Outcome::Released).await);
    let new = claim(&store, &worker, 1).await.tasks.remove(0);
    let reports = vec![Finish::new(&old, Outcome::Released), Finish::new(&new, success())];
    assert_eq!(store.finish_if_leased(&worker, reports).await.unwrap(), [false, true]);
    assert_eq!(store.task(new.id).await.unwrap().unwrap().state, State::Ended(EndState::Succeeded));
}

pub async fn tasks_that_follow_are_written_with_an_accepted_finish_only(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let task = claimed(&store, &worker).await;
    let mut report = Finish::new(&task, success());
    report.then = vec![new_task("follows"), new_task("follows")];
    assert_eq!(store.finish_if_leased(&worker, vec![report.clone()]).await.unwrap(), [true]);
    assert_eq!(store.counts().await.unwrap().waiting, 2);
    assert_eq!(store.finish_if_leased(&worker, vec![report]).await.unwrap(), [false]);
    assert_eq!(store.counts().await.unwrap().waiting, 2);
}

pub async fn a_reason_is_made_storable(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let task = claimed(&store, &worker).await;
    let reason = format!("NUL \0, escape \u{1b}[31m, a line\nbreak, {}", "very long ".repeat(100_000));
    assert!(finish(&store, &worker, &task, Outcome::Dead { reason }).await);
    let stored = store.task(task.id).await.unwrap().unwrap().reason.unwrap();
    assert!(stored.starts_with("NUL \u{fffd}, escape \u{fffd}[31m, a line\nbreak, very long"));
    assert!(stored.len() < 10_000 && stored.ends_with("(cut)"));
}

pub async fn the_history_is_pruned_by_state_and_age(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let hour = Duration::from_secs(3600);
    for round in 0..2 {
        store.insert((0..6).map(|_| new_task("a")).collect()).await.unwrap();
        for (number, task) in claim(&store, &worker, 6).await.tasks.iter().enumerate() {
            let outcome = if number < 2 { Outcome::Dead { reason: format!("round {round}") } } else { success() };
            assert!(finish(&store, &worker, task, outcome).await);
        }
        fixture.advance(hour).await;
        store.renew_if_leased(&worker, LEASE).await.unwrap();
    }
    let pruned = async |limit| {
        let (state, queues) = (EndState::Succeeded, PrunedQueues::AllBut(Vec::new()));
        store.prune(&PruneRequest { state, older_than: hour * 2, limit, queues }).await.unwrap()
    };
    assert_eq!([pruned(3).await, pruned(100).await, pruned(100).await], [3, 1, 0]);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.ended(EndState::Succeeded), counts.ended(EndState::Dead)), (4, 4));
}

pub async fn each_queue_is_pruned_by_itself(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    for queue in ["a", "b", "c"] {
        let mut task = new_task("any");
        task.queue = queue.to_owned();
        store.insert(vec![task; 2]).await.unwrap();
    }
    for task in store.claim(&worker, &ClaimRequest::new(["a", "b", "c"], 10)).await.unwrap().tasks {
        assert!(finish(&store, &worker, &task, success()).await);
    }
    let prune = async |queues| {
        let (state, older_than) = (EndState::Succeeded, Duration::ZERO);
        store.prune(&PruneRequest { state, older_than, limit: 100, queues }).await.unwrap()
    };
    assert_eq!(prune(PrunedQueues::Only("a".to_owned())).await, 2);
    assert_eq!(prune(PrunedQueues::AllBut(vec!["b".to_owned(), "a".to_owned()])).await, 2);
    let left = store.tasks(&TaskFilter::default()).await.unwrap();
    assert_eq!(left.iter().map(|task| &*task.queue).collect::<Vec<_>>(), ["b", "b"]);
}

pub async fn a_success_of_which_no_history_is_kept_is_guarded_too(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let ids = store.insert(vec![new_task("a"), new_task("b"), new_task("c")]).await.unwrap();
    let tasks = claim(&store, &worker, 3).await.tasks;
    let mut reports = Vec::new();
    for (task, fence) in tasks.iter().zip([0, 7, 0]) {
        let mut report = Finish::new(task, success());
        report.fence += fence;
        report.keeps_success = false;
        reports.push(report);
    }
    reports[2].outcome = Outcome::Dead { reason: "failures are kept".to_owned() };
    assert_eq!(store.finish_if_leased(&worker, reports).await.unwrap(), [true, false, true]);
    assert_eq!(store.task(ids[0]).await.unwrap(), None);
    assert_eq!(store.task(ids[1]).await.unwrap().unwrap().state, State::Running);
    assert_eq!(store.task(ids[2]).await.unwrap().unwrap().state, State::Ended(EndState::Dead));
}

pub async fn a_dead_task_can_be_tried_again(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let task = claimed(&store, &worker).await;
    assert!(!store.retry_if_dead(task.id).await.unwrap(), "it is running");
    assert!(finish(&store, &worker, &task, Outcome::Dead { reason: "no such mailbox".to_owned() }).await);
    assert!(store.retry_if_dead(task.id).await.unwrap());
    assert!(!store.retry_if_dead(task.id).await.unwrap(), "it waits again");
    let record = store.task(task.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt, record.deaths), (State::Waiting, 0, 0));
    assert_eq!(record.reason.as_deref(), Some("no such mailbox"));
    assert!(!finish(&store, &worker, &task, success()).await, "the old claim is overtaken");

    let again = claim(&store, &worker, 1).await.tasks.remove(0);
    assert_eq!((again.id, again.attempt, again.failures(), again.fence), (task.id, 1, 0, task.fence + 1));
    assert_eq!(again.payload, task.payload);
    assert!(finish(&store, &worker, &again, success()).await);
    assert!(!store.retry_if_dead(task.id).await.unwrap(), "it has succeeded");
}

pub async fn tasks_of_a_claim_without_an_answer_can_be_given_back(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let (here, neighbour) = (worker(&store).await, worker(&store).await);
    let known = claimed(&store, &here).await;
    let elsewhere = claimed(&store, &neighbour).await;
    // Its answer is lost.
    let unknown = claimed(&store, &here).await.id;
    let held = [(known.id, known.fence)];
    assert_eq!(store.release_all_but(&here, &held).await.unwrap(), 1);
    let record = store.task(unknown).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt, record.deaths), (State::Waiting, 0, 0));
    // An older claim of the task is not the one whose answer was lost.
    let old = claim(&store, &here, 1).await.tasks.remove(0);
    assert!(finish(&store, &here, &old, Outcome::Released).await);
    assert_eq!(claim(&store, &here, 1).await.tasks[0].id, old.id);
    assert_eq!(store.release_all_but(&here, &[held[0], (old.id, old.fence)]).await.unwrap(), 1);
    assert!(finish(&store, &here, &known, success()).await);
    assert!(finish(&store, &neighbour, &elsewhere, success()).await);
}

pub async fn a_retired_worker_leaves_its_tasks_waiting(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let leaving = worker(&store).await;
    let task = claimed(&store, &leaving).await;
    store.retire(&leaving).await.unwrap();
    assert_eq!(store.renew_if_leased(&leaving, LEASE).await.unwrap(), Renewal::Gone);
    assert!(!finish(&store, &leaving, &task, success()).await);
    let record = store.task(task.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt, record.deaths), (State::Waiting, 0, 0));
}

pub async fn a_client_completes_a_task_with_its_own_transaction_or_not_at_all(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let task = claimed(&store, &worker).await;
    fixture.advance(Duration::from_secs(7)).await;
    let completion = store.completion();
    let (statements, json) = ([&*completion.insert, &*completion.delete], completion.parameter(&worker, &task));
    assert_eq!(fixture.transact(&statements, &json, false).await, [1, 1]);
    assert_eq!(store.task(task.id).await.unwrap().unwrap().state, State::Running);
    assert_eq!(fixture.transact(&statements, &json, true).await, [1, 1]);
    let record = store.task(task.id).await.unwrap().unwrap();
    assert_eq!(record.state, State::Ended(EndState::Succeeded));
    assert_eq!((record.attempt, record.worker.as_deref()), (1, Some(worker.as_str())));
    assert_eq!(record.finished_at, Some(record.created_at + 7_000), "by the store's clock");
    assert!(store.counts().await.unwrap().is_idle());
    assert!(!finish(&store, &worker, &task, success()).await);
    assert_eq!(fixture.transact(&statements, &json, true).await, [0, 0]);
}

pub async fn a_client_can_complete_a_task_without_leaving_it_in_the_history(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let task = claimed(&store, &worker).await;
    let completion = store.completion();
    let json = completion.parameter(&worker, &task);
    assert_eq!(fixture.transact(&[&*completion.delete], &json, true).await, [1]);
    assert_eq!(store.task(task.id).await.unwrap(), None);
    assert_eq!(fixture.transact(&[&*completion.delete], &json, true).await, [0]);
}

pub async fn a_client_cannot_complete_an_overtaken_claim(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let (one, other) = (worker(&store).await, worker(&store).await);
    let old = claimed(&store, &one).await;
    assert!(finish(&store, &one, &old, Outcome::Released).await);
    let completion = store.completion();
    let statements = [&*completion.insert, &*completion.delete];
    // Waiting, in the hands of another, and in its own again by a later claim.
    assert_eq!(fixture.transact(&statements, &completion.parameter(&one, &old), true).await, [0, 0]);
    let new = claim(&store, &other, 1).await.tasks.remove(0);
    for (worker, task) in [(&one, &old), (&one, &new), (&other, &old)] {
        assert_eq!(fixture.transact(&statements, &completion.parameter(worker, task), true).await, [0, 0]);
    }
    assert!(finish(&store, &other, &new, Outcome::Released).await);
    let newest = claim(&store, &one, 1).await.tasks.remove(0);
    assert_eq!(newest.id, old.id);
    assert_eq!(fixture.transact(&statements, &completion.parameter(&one, &old), true).await, [0, 0]);
    assert_eq!(store.task(old.id).await.unwrap().unwrap().state, State::Running);
    assert_eq!(fixture.transact(&statements, &completion.parameter(&one, &newest), true).await, [1, 1]);
}
