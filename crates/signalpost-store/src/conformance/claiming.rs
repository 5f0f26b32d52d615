//! Taking tasks.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Fixture, Sql, claim, claimed, finish, new_task, receivers, success, worker};
use crate::{ClaimRequest, EndState, QueueShare, State, Store, WorkerId};

pub async fn a_task_is_claimed_once_by_many_claimers(fixture: &impl Fixture) {
    let store = fixture.open().await;
    store.insert((0..500).map(|_| new_task("a")).collect()).await.unwrap();
    let claimers: Vec<_> = (0..8).map(|_| fixture.open()).collect();
    let mut running = Vec::new();
    for claimer in claimers {
        let claimer = claimer.await;
        running.push(tokio::spawn(async move {
            let worker = worker(&claimer).await;
            let mut got = Vec::new();
            loop {
                let claim = claim(&claimer, &worker, 7).await;
                if claim.tasks.is_empty() {
                    return got;
                }
                got.extend(claim.tasks.into_iter().map(|task| task.id));
            }
        }));
    }
    let mut all = HashSet::new();
    for claimer in running {
        for id in claimer.await.unwrap() {
            assert!(all.insert(id), "task {id} was claimed twice");
        }
    }
    assert_eq!(all.len(), 500);
}

pub async fn higher_priority_comes_first_then_the_earlier_one(fixture: &impl Fixture) {
    let store = fixture.open().await;
    for (receiver, priority, delay) in
        [("a", 0, 0), ("b", 5, 2), ("c", -5, 0), ("d", 5, 1), ("e", 0, 0), ("later", 100, 500), ("f", 5, 1)]
    {
        let mut task = new_task(receiver);
        task.priority = priority;
        task.delay = Duration::from_secs(delay);
        store.insert(vec![task]).await.unwrap();
    }
    fixture.advance(Duration::from_secs(2)).await;
    let worker = worker(&store).await;
    assert_eq!(receivers(&claim(&store, &worker, 2).await.tasks), ["d", "f"]);
    assert_eq!(receivers(&claim(&store, &worker, 10).await.tasks), ["b", "a", "e", "c"]);
}

pub async fn only_the_queues_asked_for_are_claimed(fixture: &impl Fixture) {
    let store = fixture.open().await;
    for queue in ["default", "mail", "high_priority"] {
        let mut task = new_task(queue);
        task.queue = queue.to_owned();
        store.insert(vec![task]).await.unwrap();
    }
    let worker = worker(&store).await;
    let claim = store.claim(&worker, &ClaimRequest::new(["high_priority", "mail"], 10)).await.unwrap();
    assert_eq!(receivers(&claim.tasks), ["high_priority", "mail"]);
    assert_eq!(store.counts().await.unwrap().waiting, 1);
}

pub async fn a_claim_is_shared_among_queues(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let send = async |queue: &str, count| {
        let mut task = new_task(queue);
        task.queue = queue.to_owned();
        store.insert(vec![task; count]).await.unwrap();
    };
    let share = |queue: &str, share, most| QueueShare { queue: queue.to_owned(), share, most };
    let take = async |queues: Vec<QueueShare>, limit| {
        let claim = store.claim(&worker, &ClaimRequest::shared(queues, limit)).await.unwrap();
        let of = |queue| claim.tasks.iter().filter(|task| task.queue == queue).count();
        (of("a"), of("b"), claim.next_due)
    };
    send("a", 20).await;
    send("b", 3).await;
    assert_eq!(take(vec![share("a", 4, 10), share("b", 2, 10)], 6).await, (4, 2, None));
    // What b leaves of its part goes to a; b comes first all the same.
    assert_eq!(take(vec![share("b", 4, 10), share("a", 4, 10)], 8).await, (7, 1, None));
    // Nobody gets more than its most, and a queue that was kept to it is not said to be due.
    assert_eq!(take(vec![share("b", 4, 10), share("a", 1, 2)], 8).await, (2, 0, None));
    assert_eq!(take(vec![share("b", 8, 8), share("a", 0, 8)], 8).await, (7, 0, None));
}

pub async fn no_more_tasks_of_a_limited_receiver_are_claimed_than_are_wanted(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    store.insert(["a", "a", "b", "a", "c"].map(new_task).to_vec()).await.unwrap();
    let mut later = new_task("b");
    later.delay = Duration::from_secs(40);
    store.insert(vec![later]).await.unwrap();
    let mut request = ClaimRequest::new(["default"], 3);
    request.limited = BTreeMap::from([("a".to_owned(), 0), ("d".to_owned(), 1)]);
    let claim = store.claim(&worker, &request).await.unwrap();
    assert_eq!(receivers(&claim.tasks), ["b", "c"]);
    // The tasks of a are due, but asking again would not get them.
    assert_eq!(claim.next_due, Some(Duration::from_secs(40)));
    let mut urgent = new_task("a");
    urgent.priority = 5;
    store.insert(vec![urgent]).await.unwrap();
    request.limited = BTreeMap::from([("a".to_owned(), 2)]);
    assert_eq!(receivers(&store.claim(&worker, &request).await.unwrap().tasks), ["a", "a"]);
    assert_eq!(receivers(&claim_all(&store, &worker).await), ["a", "a"]);
}

async fn claim_all(store: &Arc<dyn Store>, worker: &WorkerId) -> Vec<crate::Task> {
    claim(store, worker, 100).await.tasks
}

pub async fn a_claim_says_when_the_next_task_is_due(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    assert_eq!(claim(&store, &worker, 1).await.next_due, None);
    for (priority, delay) in [(0, 40), (-3, 25), (9, 60)] {
        let mut task = new_task("later");
        (task.priority, task.delay) = (priority, Duration::from_secs(delay));
        store.insert(vec![task]).await.unwrap();
    }
    assert_eq!(claim(&store, &worker, 1).await.next_due, Some(Duration::from_secs(25)));
    fixture.advance(Duration::from_secs(30)).await;
    let got = claim(&store, &worker, 5).await;
    assert_eq!((got.tasks.len(), got.next_due), (1, Some(Duration::from_secs(10))));
}

pub async fn a_claim_needs_a_lease(fixture: &impl Fixture) {
    let store = fixture.open().await;
    store.insert(vec![new_task("a")]).await.unwrap();
    let error = store.claim(&WorkerId::random(), &ClaimRequest::new(["default"], 1)).await.unwrap_err();
    assert!(error.is_lease_lost());
    assert_eq!(store.counts().await.unwrap().waiting, 1);
}

pub async fn a_task_whose_time_is_over_ends_expired(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let mut task = new_task("a");
    task.expires_in = Some(Duration::from_secs(10));
    let ids = store.insert(vec![task.clone(), task]).await.unwrap();
    let worker = worker(&store).await;
    let running = claim(&store, &worker, 1).await.tasks.remove(0);
    fixture.advance(Duration::from_secs(10)).await;
    assert!(claim(&store, &worker, 5).await.tasks.is_empty());
    // Who has begun may end.
    assert!(finish(&store, &worker, &running, success()).await);
    let states = [EndState::Succeeded, EndState::Expired].map(State::Ended);
    for (id, state) in ids.into_iter().zip(states) {
        assert_eq!(store.task(id).await.unwrap().unwrap().state, state);
    }
}

pub async fn however_many_tasks_are_over_none_of_them_is_claimed(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let mut over = new_task("over");
    over.expires_in = Some(Duration::from_secs(1));
    store.insert(vec![over; 500]).await.unwrap();
    store.insert(vec![new_task("lasting")]).await.unwrap();
    fixture.advance(Duration::from_secs(1)).await;
    let worker = worker(&store).await;
    assert_eq!(receivers(&claim(&store, &worker, 1_000).await.tasks), ["lasting"]);
    while store.counts().await.unwrap().ended(EndState::Expired) < 500 {
        let more = claim(&store, &worker, 1_000).await;
        assert!(more.tasks.is_empty());
    }
}

pub async fn a_waiting_task_can_be_cancelled_and_a_running_one_cannot(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let worker = worker(&store).await;
    let running = claimed(&store, &worker).await;
    let waiting = store.insert(vec![new_task("b")]).await.unwrap()[0];
    assert!(store.cancel_if_waiting(waiting, "not wanted").await.unwrap());
    assert!(!store.cancel_if_waiting(waiting, "again").await.unwrap());
    assert!(!store.cancel_if_waiting(running.id, "too late").await.unwrap());
    let record = store.task(waiting).await.unwrap().unwrap();
    assert_eq!(record.state, State::Ended(EndState::Cancelled));
    assert_eq!(record.reason.as_deref(), Some("not wanted"));
}

pub async fn rows_put_in_by_hand_do_not_stop_a_claim(fixture: &impl Fixture) {
    let store = fixture.open().await;
    store.insert((0..5).map(|_| new_task("a")).collect()).await.unwrap();
    fixture
        .tamper(Sql {
            sqlite: "UPDATE signalpost_task SET payload = '{\"cut off' WHERE id = 1;
                UPDATE signalpost_task SET headers = '[1, 2]', send_id = 'no uuid' WHERE id = 2;
                UPDATE signalpost_task SET payload = CAST(X'FF00FE' AS TEXT), signal = CAST(X'FF41' AS TEXT) WHERE id = 3;
                UPDATE signalpost_task SET depth = -4, payload_version = 99999999999 WHERE id = 4;",
            // Its texts are UTF-8 in any case.
            postgres: "UPDATE signalpost_task SET payload = '{\"cut off' WHERE id = 1;
                UPDATE signalpost_task SET headers = '[1, 2]', send_id = 'no uuid' WHERE id = 2;
                UPDATE signalpost_task SET payload = '', signal = 'no such signal, and no name' WHERE id = 3;
                UPDATE signalpost_task SET depth = -4, payload_version = 99999999999 WHERE id = 4;",
        })
        .await;
    let worker = worker(&store).await;
    let tasks = claim(&store, &worker, 10).await.tasks;
    assert_eq!(tasks.len(), 5);
    assert_eq!(tasks[0].payload, b"{\"cut off");
    assert_eq!(tasks[1].headers, None);
    assert!([&[0xFF, 0, 0xFE][..], b""].contains(&&*tasks[2].payload));
    assert_eq!(tasks[3].depth, 0);
    assert_eq!(store.tasks(&crate::TaskFilter::default()).await.unwrap().len(), 5);
}
