//! Writing tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Fixture, Sql, claim, finish, new_task, success, worker};
use crate::{
    ClaimRequest, EndState, NewTask, PruneRequest, PrunedQueues, PublishedReceiver, SendId, State, TaskFilter, TaskId,
};

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
    let claim = store.claim(&worker, &ClaimRequest::new(["mail"], 1)).await.unwrap();
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
        .tamper(Sql {
            sqlite: "CREATE TABLE signalpost_refused (receiver TEXT);
                INSERT INTO signalpost_refused VALUES ('refused');
                CREATE TRIGGER signalpost_refuse BEFORE INSERT ON signalpost_task
                WHEN NEW.receiver IN (SELECT receiver FROM signalpost_refused)
                BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END;",
            postgres: "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE EXCEPTION 'refused by a trigger'; END $$;
                CREATE TRIGGER refuse BEFORE INSERT ON signalpost_task FOR EACH ROW
                WHEN (NEW.receiver = 'refused') EXECUTE FUNCTION refuse();",
        })
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

pub async fn of_a_delay_and_a_time_the_later_one_counts(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let now = store.claim(&worker(&store).await, &ClaimRequest::new(["default"], 1)).await.unwrap().now;
    let due = |delay: u64, run_at: i64| {
        let mut task = new_task("later");
        (task.delay, task.run_at) = (Duration::from_millis(delay), Some(now + run_at));
        task
    };
    let tasks = vec![due(0, 7_000), due(9_000, 7_000), due(0, -7_000), due(0, i64::MAX / 4)];
    let ids = store.insert(tasks).await.unwrap();
    // The clock of a store may have moved on in between.
    for (id, run_at) in ids.iter().zip([now + 7_000, now + 9_000, now]) {
        let record = store.task(*id).await.unwrap().unwrap();
        assert!((run_at..run_at + 5_000).contains(&record.run_at), "{record:?}");
        assert!(record.run_at >= record.created_at);
    }
    fixture.advance(Duration::from_secs(20)).await;
    assert_eq!(claim(&store, &worker(&store).await, 10).await.tasks.len(), 3);
}

fn once(send_id: SendId, receiver: &str) -> NewTask {
    let mut task = new_task(receiver);
    (task.send_id, task.once) = (send_id, true);
    task
}

pub async fn a_task_that_is_sent_once_is_written_once_while_it_is_live_or_remembered(fixture: &impl Fixture) {
    let (store, send_id) = (fixture.open().await, SendId::new());
    let first = store.insert(vec![once(send_id, "a")]).await.unwrap();
    assert_eq!(store.insert(vec![once(send_id, "a")]).await.unwrap(), first);
    let worker = worker(&store).await;
    let task = claim(&store, &worker, 10).await.tasks.remove(0);
    assert_eq!(store.insert(vec![once(send_id, "a")]).await.unwrap(), first, "it is running");
    assert!(finish(&store, &worker, &task, success()).await);
    assert_eq!(store.insert(vec![once(send_id, "a")]).await.unwrap(), first, "it has ended");
    assert!(store.counts().await.unwrap().is_idle());

    // Another receiver, signal or send is another task.
    let mut of_another_signal = once(send_id, "a");
    of_another_signal.signal = "tests.other".to_owned();
    let others = vec![once(send_id, "b"), of_another_signal, once(SendId::new(), "a")];
    let written = store.insert(others).await.unwrap();
    assert_eq!(written.len(), 3);
    assert_eq!(store.counts().await.unwrap().waiting, 3);

    // What the history has forgotten is written again.
    fixture.advance(Duration::from_secs(10)).await;
    let (state, queues) = (EndState::Succeeded, PrunedQueues::AllBut(Vec::new()));
    let request = PruneRequest { state, older_than: Duration::from_secs(5), limit: 10, queues };
    assert_eq!(store.prune(&request).await.unwrap(), 1);
    assert!(store.insert(vec![once(send_id, "a")]).await.unwrap()[0] > written[2]);

    // Only those that ask for it: a send's id alone does not hold back a task.
    let mut plain = once(send_id, "a");
    plain.once = false;
    store.insert(vec![plain]).await.unwrap();
    assert_eq!(store.counts().await.unwrap().waiting, 5);
}

pub async fn tasks_that_exist_are_told_apart_from_those_that_are_written(fixture: &impl Fixture) {
    let (store, send_id) = (fixture.open().await, SendId::new());
    let known = store.insert(vec![once(send_id, "a"), once(send_id, "c")]).await.unwrap();
    let tasks =
        vec![new_task("x"), once(send_id, "a"), once(send_id, "b"), new_task("y"), once(send_id, "c"), new_task("z")];
    let ids = store.insert(tasks).await.unwrap();
    assert_eq!([ids[1], ids[4]], known[..]);
    for (id, receiver) in ids.iter().zip(["x", "a", "b", "y", "c", "z"]) {
        assert_eq!(store.task(*id).await.unwrap().unwrap().receiver, receiver);
    }
    assert_eq!(store.counts().await.unwrap().waiting, 6);
}

pub async fn the_same_task_twice_in_one_call_is_written_once(fixture: &impl Fixture) {
    let (store, send_id) = (fixture.open().await, SendId::new());
    let ids = store.insert(vec![once(send_id, "a"), once(send_id, "b"), once(send_id, "a")]).await.unwrap();
    assert!(ids[0] == ids[2] && ids[0] != ids[1]);
    assert_eq!(store.counts().await.unwrap().waiting, 2);
}

pub async fn tasks_are_listed_by_what_they_are(fixture: &impl Fixture) {
    let store = fixture.open().await;
    let task = |signal: &str, receiver: &str, queue: &str| {
        let mut task = NewTask::new(signal, receiver, "{}");
        task.queue = queue.to_owned();
        task
    };
    let tasks = vec![task("s", "a", "default"), task("s", "b", "mail"), task("t", "a", "mail"), task("t", "b", "mail")];
    let send_id = tasks[1].send_id;
    let ids = store.insert(tasks).await.unwrap();
    let worker = worker(&store).await;
    let ended = claim(&store, &worker, 1).await.tasks.remove(0);
    assert!(finish(&store, &worker, &ended, success()).await);

    let text = |text: &str| Some(text.to_owned());
    let all = TaskFilter::default;
    for (filter, expected) in [
        (all(), &[3, 2, 1, 0][..]),
        (TaskFilter { signal: text("s"), ..all() }, &[1, 0]),
        (TaskFilter { receiver: text("a"), ..all() }, &[2, 0]),
        (TaskFilter { queue: text("mail"), ..all() }, &[3, 2, 1]),
        (TaskFilter { queue: text("mail"), receiver: text("b"), ..all() }, &[3, 1]),
        (TaskFilter { state: Some(State::Ended(EndState::Succeeded)), ..all() }, &[0]),
        (TaskFilter { state: Some(State::Waiting), receiver: text("a"), ..all() }, &[2]),
        (TaskFilter { queue: text("mail"), limit: 1, ..all() }, &[3]),
        (TaskFilter { queue: text("mail"), before: Some(ids[3]), ..all() }, &[2, 1]),
        (TaskFilter::of_send(send_id), &[1]),
        (TaskFilter::of_send(send_id.to_string()), &[1]),
        (TaskFilter { signal: text("t"), ..TaskFilter::of_send(send_id) }, &[]),
    ] {
        let found: Vec<TaskId> = store.tasks(&filter).await.unwrap().iter().map(|record| record.id).collect();
        let expected: Vec<TaskId> = expected.iter().map(|number| ids[*number]).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
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
