//! Taking up what the dead and the frozen have left.

use std::time::Duration;

use super::{Fixture, LEASE, claim, claimed, finish, new_task, rescue, success, worker};
use crate::{ClaimRequest, EndState, Outcome, Renewal, RescueCause, RescueRequest, State, WorkerId};

pub async fn a_dead_workers_tasks_wait_again(fixture: &impl Fixture) {
    let (living, dying) = (fixture.open().await, fixture.open().await);
    let registered = dying.register(LEASE).await.unwrap();
    let task = claimed(&dying, &registered.id).await;
    drop(dying);
    if !registered.death_is_visible {
        fixture.advance(LEASE).await;
    }
    let rescued = rescue(&living, true).await;
    assert_eq!(rescued.len(), 1);
    assert_eq!((&rescued[0].worker, &rescued[0].waiting), (&registered.id, &vec![task.id]));
    if registered.death_is_visible {
        assert_eq!(rescued[0].cause, RescueCause::Died);
    }
    assert!(rescue(&living, true).await.is_empty());
    let heir = worker(&living).await;
    let again = claim(&living, &heir, 1).await.tasks.remove(0);
    assert_eq!((again.id, again.attempt, again.deaths, again.failures()), (task.id, 2, 1, 0));
    assert!(again.fence > task.fence);
}

pub async fn a_living_worker_is_left_alone(fixture: &impl Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    let here = worker(&one).await;
    let task = claimed(&one, &here).await;
    for store in [&one, &other] {
        assert!(rescue(store, true).await.is_empty());
    }
    assert!(finish(&one, &here, &task, success()).await);
}

pub async fn an_expired_lease_is_rescued_only_when_asked_for(fixture: &impl Fixture) {
    let (frozen, living) = (fixture.open().await, fixture.open().await);
    let sleeper = worker(&frozen).await;
    let task = claimed(&frozen, &sleeper).await;
    fixture.advance(LEASE).await;
    assert!(rescue(&living, false).await.is_empty());
    let rescued = rescue(&living, true).await;
    assert_eq!(rescued[0].cause, RescueCause::LeaseExpired);
    assert_eq!(rescued[0].waiting, [task.id]);
    assert!(!finish(&frozen, &sleeper, &task, success()).await);
}

pub async fn a_renewed_lease_holds(fixture: &impl Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    let here = worker(&one).await;
    let task = claimed(&one, &here).await;
    for _ in 0..5 {
        fixture.advance(LEASE - Duration::from_secs(1)).await;
        assert_eq!(one.renew_if_leased(&here, LEASE).await.unwrap(), Renewal::Kept);
        assert!(rescue(&other, true).await.is_empty());
    }
    // Late, but before anybody has come: the lease lives on, and says so.
    fixture.advance(LEASE).await;
    assert_eq!(one.renew_if_leased(&here, LEASE).await.unwrap(), Renewal::Revived);
    assert!(rescue(&other, true).await.is_empty());
    assert!(finish(&one, &here, &task, success()).await);
}

pub async fn after_a_jump_of_the_clock_the_living_renew_first(fixture: &impl Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    let (here, there) = (worker(&one).await, worker(&other).await);
    let task = claimed(&one, &here).await;
    fixture.advance(LEASE * 2).await;
    let request =
        |rescuer: &WorkerId| RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 3 };
    // Neither may judge the other, nor itself, before it has renewed.
    assert!(one.rescue(&request(&here)).await.unwrap().is_empty());
    assert!(other.rescue(&request(&there)).await.unwrap().is_empty());
    assert_eq!(one.renew_if_leased(&here, LEASE).await.unwrap(), Renewal::Revived);
    assert_eq!(other.renew_if_leased(&there, LEASE).await.unwrap(), Renewal::Revived);
    assert!(other.rescue(&request(&there)).await.unwrap().is_empty());
    assert!(finish(&one, &here, &task, success()).await);
}

pub async fn a_worker_that_was_rescued_finds_its_lease_gone(fixture: &impl Fixture) {
    let (frozen, living) = (fixture.open().await, fixture.open().await);
    let sleeper = worker(&frozen).await;
    claimed(&frozen, &sleeper).await;
    fixture.advance(LEASE).await;
    rescue(&living, true).await;
    assert_eq!(frozen.renew_if_leased(&sleeper, LEASE).await.unwrap(), Renewal::Gone);
    let error = frozen.claim(&sleeper, &ClaimRequest::new(["default"], 1)).await.unwrap_err();
    assert!(error.is_lease_lost());
    // Under a new id it goes on.
    let again = worker(&frozen).await;
    assert_eq!(claim(&frozen, &again, 1).await.tasks.len(), 1);
}

pub async fn two_rescuers_do_not_count_a_death_twice(fixture: &impl Fixture) {
    let (one, other, dying) = (fixture.open().await, fixture.open().await, fixture.open().await);
    let dead = worker(&dying).await;
    let task = claimed(&dying, &dead).await;
    drop(dying);
    fixture.advance(LEASE).await;
    let (first, second) = tokio::join!(rescue(&one, true), rescue(&other, true));
    assert_eq!(first.len() + second.len(), 1);
    assert_eq!(one.task(task.id).await.unwrap().unwrap().deaths, 1);
}

pub async fn a_task_whose_worker_has_no_lease_row_is_taken_up_too(fixture: &impl Fixture) {
    let (one, other) = (fixture.open().await, fixture.open().await);
    let here = worker(&one).await;
    let task = claimed(&one, &here).await;
    fixture.tamper("DELETE FROM signalpost_worker".into()).await;
    let rescued = rescue(&other, false).await;
    assert_eq!((&rescued[0].worker, rescued[0].cause), (&here, RescueCause::LeftBehind));
    assert_eq!(rescued[0].waiting, [task.id]);
    assert!(!finish(&one, &here, &task, success()).await);
    assert!(rescue(&other, false).await.is_empty());
    assert_eq!(one.task(task.id).await.unwrap().unwrap().deaths, 1);
}

pub async fn only_deaths_suffered_alone_count_towards_the_cap(fixture: &impl Fixture) {
    let living = fixture.open().await;
    let rescuer = worker(&living).await;
    let request = RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 2 };
    let id = living.insert(vec![new_task("poison")]).await.unwrap()[0];
    for death in 1..=4 {
        let dying = fixture.open().await;
        let victim = worker(&dying).await;
        let asked = match death {
            1 | 2 => ClaimRequest::new(["default"], 10),
            _ => ClaimRequest::suspect(["default"]),
        };
        assert_eq!(dying.claim(&victim, &asked).await.unwrap().tasks.len(), 1, "death {death}");
        drop(dying);
        fixture.advance(LEASE).await;
        living.renew_if_leased(&rescuer, LEASE).await.unwrap();
        let rescued = living.rescue(&request).await.unwrap();
        let (waiting, dead) = if death < 4 { (vec![id], vec![]) } else { (vec![], vec![id]) };
        assert_eq!((&rescued[0].waiting, &rescued[0].dead), (&waiting, &dead), "death {death}");
    }
    let record = living.task(id).await.unwrap().unwrap();
    assert_eq!((record.state, record.deaths), (State::Ended(EndState::Dead), 4));
    assert!(record.reason.unwrap().contains("died 2 times while it ran alone"));
}

pub async fn a_suspect_is_claimed_alone(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let ids = store.insert(vec![new_task("suspect"), new_task("innocent")]).await.unwrap();
    fixture.tamper("UPDATE signalpost_task SET deaths = 2 WHERE receiver = 'suspect'".into()).await;
    let worker = worker(&store).await;
    let got = claim(&store, &worker, 10).await;
    assert_eq!(got.tasks.iter().map(|task| task.id).collect::<Vec<_>>(), [ids[1]]);
    assert!(got.suspect_is_due);
    assert_eq!(got.next_due, None, "a suspect that is due is told of by itself");
    let alone = store.claim(&worker, &ClaimRequest::suspect(["default"])).await.unwrap();
    assert_eq!(alone.tasks.iter().map(|task| task.id).collect::<Vec<_>>(), [ids[0]]);
    assert!(alone.tasks[0].is_suspect());
    assert!(store.claim(&worker, &ClaimRequest::suspect(["default"])).await.unwrap().tasks.is_empty());
    assert!(finish(&store, &worker, &alone.tasks[0], Outcome::Released).await);
    assert!(claim(&store, &worker, 10).await.suspect_is_due);
}
