//! Writing tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Fixture, claim, new_task, worker};
use crate::{NewTask, PublishedReceiver, TaskId};

pub async fn inserted_tasks_are_numbered_in_order(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let first = store.insert(vec![new_task("a"), new_task("b"), new_task("c")]).await.unwrap();
    let second = store.insert(vec![new_task("d")]).await.unwrap();
    assert!(first.is_sorted() && first[2] < second[0]);
    for (id, receiver) in [(first[0], "a"), (first[2], "c"), (second[0], "d")] {
        assert_eq!(store.task(id).await.unwrap().unwrap().receiver, receiver);
    }
    assert!(store.insert(Vec::new()).await.unwrap().is_empty());
}

pub async fn a_task_is_stored_as_it_was_given(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let payload = r#"{"text":"käse \\u0000 \"'; DROP TABLE signalpost_task;--","big":12345678901234567890,"f":1.10}"#;
    let mut given = NewTask::new("tests.signal", "module::receiver", payload);
    given.sender = Some("shop.Shop".to_owned());
    given.queue = "mail".to_owned();
    given.priority = -7;
    given.key = Some("shop.Shop:1".to_owned());
    given.payload_version = 3;
    given.headers = BTreeMap::from([("language".to_owned(), "de".to_owned())]);
    given.parent = Some(TaskId(77));
    given.depth = 2;
    given.reason = Some("failed beside others".to_owned());
    let id = store.insert(vec![given.clone()]).await.unwrap()[0];
    assert_eq!(store.task(id).await.unwrap().unwrap().reason, given.reason);

    let worker = worker(&store).await;
    let claim = store.claim(&worker, &crate::ClaimRequest::new(["mail"], 1)).await.unwrap();
    let task = &claim.tasks[0];
    assert_eq!(String::from_utf8(task.payload.clone()).unwrap(), payload);
    assert_eq!(task.headers, Some(given.headers));
    assert_eq!((&task.sender, &task.key), (&given.sender, &given.key));
    assert_eq!(task.send_id, given.send_id.to_string());
    assert_eq!((&*task.signal, &*task.receiver, &*task.queue), ("tests.signal", "module::receiver", "mail"));
    assert_eq!((task.priority, task.payload_version, task.depth), (-7, 3, 2));
    assert_eq!(task.parent, Some(TaskId(77)));
    assert_eq!((task.attempt, task.deaths, task.fence), (1, 0, 1));
    assert_eq!(task.run_at, task.created_at);
}

pub async fn a_task_that_cannot_be_stored_is_refused_by_name(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let broken = |breaks: fn(&mut NewTask)| {
        let mut task = new_task("a");
        breaks(&mut task);
        task
    };
    for (task, complaint) in [
        (broken(|task| task.queue = String::new()), "name of the queue is empty"),
        (broken(|task| task.receiver = "a\nb".to_owned()), "name of the receiver holds a control character"),
        (broken(|task| task.signal = "x".repeat(10_000)), "name of the signal has 10000 bytes; 200 are allowed"),
        (broken(|task| task.sender = Some("\0".to_owned())), "name of the sender holds a control character"),
        (broken(|task| task.priority = 101), "priority 101; it must lie between -100 and 100"),
        (
            broken(|task| task.payload = r#"{"a":"\u0000"}"#.into()),
            "payload of a task of signal `tests.signal` holds the character NUL",
        ),
        (
            broken(|task| task.key = Some("a\0".to_owned())),
            "key of a task of signal `tests.signal` holds the character NUL",
        ),
        (
            broken(|task| drop(task.headers.insert("h".into(), "\0".into()))),
            "headers of a task of signal `tests.signal` holds",
        ),
    ] {
        let error = store.insert(vec![new_task("fine"), task]).await.unwrap_err();
        assert!(error.is_invalid_task());
        assert!(error.to_string().contains(complaint), "{error}");
    }
    assert!(store.counts().await.unwrap().is_idle(), "a call writes all of its tasks or none");
}

pub async fn concurrent_inserts_succeed_or_fail_alone(fixture: &impl Fixture) {
    let store = fixture.open().await;
    // What no store would refuse beforehand: the database does.
    fixture
        .tamper(
            "CREATE TABLE signalpost_refused (receiver TEXT);
             INSERT INTO signalpost_refused VALUES ('refused');
             CREATE TRIGGER signalpost_refuse BEFORE INSERT ON signalpost_task
             WHEN NEW.receiver IN (SELECT receiver FROM signalpost_refused)
             BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END;",
        )
        .await;
    let sends: Vec<_> = (0..200)
        .map(|number| {
            let store = store.clone();
            let receiver = if number % 10 == 3 { "refused" } else { "fine" };
            tokio::spawn(async move { (receiver, store.insert(vec![new_task(receiver), new_task("fine")]).await) })
        })
        .collect();
    let mut ids = Vec::new();
    for send in sends {
        match send.await.unwrap() {
            ("fine", outcome) => ids.extend(outcome.unwrap()),
            (_, outcome) => assert!(outcome.unwrap_err().to_string().contains("refused by a trigger")),
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 360);
    assert_eq!(store.counts().await.unwrap().waiting, 360);
}

pub async fn a_delayed_task_waits_for_its_time(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let mut delayed = new_task("later");
    delayed.delay = Duration::from_secs(60);
    store.insert(vec![delayed]).await.unwrap();
    let worker = worker(&store).await;
    assert!(claim(&store, &worker, 10).await.tasks.is_empty());
    fixture.advance(Duration::from_secs(60)).await;
    assert_eq!(claim(&store, &worker, 10).await.tasks.len(), 1);
}

pub async fn an_insert_through_another_handle_is_noticed(fixture: &impl Fixture) {
    let (here, there) = (fixture.open().await, fixture.open().await);
    let seen = here.change_count();
    let waiting = tokio::spawn({
        let here = here.clone();
        async move { here.change_after(seen).await }
    });
    there.insert(vec![new_task("a")]).await.unwrap();
    waiting.await.unwrap();
    // What happened before the waiting began is noticed too.
    let seen = here.change_count();
    there.insert(vec![new_task("b")]).await.unwrap();
    here.change_after(seen).await;
    let seen = here.change_count();
    here.insert(vec![new_task("c")]).await.unwrap();
    here.change_after(seen).await;
}

pub async fn published_receivers_can_be_compared(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let receiver = |name: &str| PublishedReceiver { name: name.into(), signal: "s".into(), queue: "q".into() };
    let hour = Duration::from_secs(3600);
    store.publish_receivers(&[receiver("a"), receiver("b")]).await.unwrap();
    fixture.advance(hour * 2).await;
    store.publish_receivers(&[receiver("b"), receiver("c")]).await.unwrap();
    assert_eq!(store.published_receivers(hour).await.unwrap(), [receiver("b"), receiver("c")]);
    assert_eq!(store.published_receivers(hour * 3).await.unwrap().len(), 3);
    // One receiver may listen to several signals.
    let elsewhere = PublishedReceiver { signal: "t".into(), ..receiver("b") };
    store.publish_receivers(std::slice::from_ref(&elsewhere)).await.unwrap();
    assert_eq!(store.published_receivers(hour).await.unwrap(), [receiver("b"), elsewhere, receiver("c")]);
}
