//! Programs of two versions on the same tables.

use std::time::Duration;

use super::{Fixture, LEASE, claim, claimed, finish, new_task, rescue, success, worker};
use crate::{EndState, Outcome, PublishedReceiver, State, TaskFilter};

/// What a newer program adds: columns that may be empty, and tables. The names are such as statements use within.
const NEWER: &str = "
    ALTER TABLE signalpost_task ADD COLUMN tenant TEXT;
    ALTER TABLE signalpost_task ADD COLUMN place TEXT;
    ALTER TABLE signalpost_task ADD COLUMN state TEXT;
    ALTER TABLE signalpost_history ADD COLUMN tenant TEXT;
    ALTER TABLE signalpost_history ADD COLUMN place TEXT;
    ALTER TABLE signalpost_worker ADD COLUMN tenant TEXT;
    ALTER TABLE signalpost_receiver ADD COLUMN tenant TEXT;
    ALTER TABLE signalpost_schema ADD COLUMN tenant TEXT;
    CREATE TABLE signalpost_tenant (name TEXT);
    UPDATE signalpost_schema SET version = 2";

/// What a newer program writes.
const NEWER_TASK: &str = "
    INSERT INTO signalpost_task (send_id, signal, receiver, queue, priority, run_at, payload, payload_version, headers,
        depth, created_at, tenant, place)
    VALUES ('of a newer program', 'tests.signal', 'new', 'default', 0, 0, '{}', 1, '{}', 0, 0, 'north', 'here')";

pub async fn an_older_program_works_on_beside_a_newer_one(fixture: &impl Fixture) {
    let running = fixture.open().await;
    let here = worker(&running).await;
    // Each statement has been prepared once before the tables change under it.
    let before = claimed(&running, &here).await;
    assert!(finish(&running, &here, &before, success()).await);
    let held = claimed(&running, &here).await;
    fixture.tamper(NEWER.into()).await;
    assert!(finish(&running, &here, &held, Outcome::Dead { reason: "as before".to_owned() }).await);
    running.retire(&here).await.unwrap();

    // And one that starts again on the newer tables.
    for store in [running, fixture.open().await] {
        let here = worker(&store).await;
        fixture.tamper(NEWER_TASK.into()).await;
        let mut tasks = claim(&store, &here, 10).await.tasks;
        let new = tasks.remove(0);
        assert_eq!((&*new.send_id, &*new.receiver, tasks.len()), ("of a newer program", "new", 0));
        assert!(finish(&store, &here, &new, Outcome::Released).await);
        let again = claim(&store, &here, 1).await.tasks.remove(0);
        assert!(finish(&store, &here, &again, Outcome::Dead { reason: "once".to_owned() }).await);
        assert!(store.retry_if_dead(new.id).await.unwrap());
        let last = claim(&store, &here, 1).await.tasks.remove(0);
        assert!(finish(&store, &here, &last, success()).await);
        assert_eq!(store.task(new.id).await.unwrap().unwrap().state, State::Ended(EndState::Succeeded));

        let mut once = new_task("once");
        once.once = true;
        let mut over = new_task("over");
        over.expires_in = Some(Duration::from_secs(1));
        let ids = store.insert(vec![once.clone(), over, new_task("cancelled")]).await.unwrap();
        assert_eq!(store.insert(vec![once]).await.unwrap(), [ids[0]]);
        assert!(store.cancel_if_waiting(ids[2], "not wanted").await.unwrap());
        fixture.advance(Duration::from_secs(2)).await;
        let rest = claim(&store, &here, 10).await.tasks;
        assert_eq!(rest.iter().map(|task| task.id).collect::<Vec<_>>(), [ids[0]]);
        assert_eq!(store.task(ids[1]).await.unwrap().unwrap().state, State::Ended(EndState::Expired));

        // Clients with statements of the older program.
        let completion = store.completion();
        let parameter = completion.parameter(&here, &rest[0]);
        assert_eq!(fixture.transact(&[&completion.insert, &completion.delete], &parameter, true).await, [1, 1]);
        let outbox = store.outbox();
        let (sql, json) = outbox.of(&[new_task("of a client")]).unwrap();
        assert_eq!(fixture.transact(&[sql], &json, true).await, [1]);
        let of_client = claim(&store, &here, 1).await.tasks.remove(0);
        assert!(finish(&store, &here, &of_client, success()).await);

        let published = PublishedReceiver {
            name: "tests.receiver".to_owned(),
            signal: "tests.signal".to_owned(),
            queue: "default".to_owned(),
        };
        store.publish_receivers(std::slice::from_ref(&published)).await.unwrap();
        assert_eq!(store.published_receivers(LEASE).await.unwrap(), [published]);
        assert!(store.content(new.id).await.unwrap().is_some());
        assert!(store.tasks(&TaskFilter::default()).await.unwrap().len() >= 4);
        assert!(store.counts().await.unwrap().is_idle());
        assert!(rescue(&store, true).await.is_empty());
        store.retire(&here).await.unwrap();
    }
}
