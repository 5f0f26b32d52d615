//! What is and what was: reading tasks, ending those that wait, forgetting and retrying those that have ended.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::failure::Outcome;
use super::session::Session;
use super::{Database, end, rows};
use crate::clock::millis;
use crate::{
    Counts, EndState, PruneRequest, PrunedQueues, PublishedReceiver, StoreError, TaskContent, TaskFilter, TaskId,
    TaskRecord,
};

pub(super) async fn cancel(database: &Database, task: TaskId, reason: &str) -> Result<bool, StoreError> {
    let (statements, now) = (&database.statements, database.now());
    let cancel = async |session: &mut Session| {
        end::end_waiting(session, statements, vec![task.0], EndState::Cancelled, reason, now).await
    };
    Ok(database.sessions.call(cancel).await? == 1)
}

pub(super) async fn retry(database: &Database, task: TaskId) -> Result<bool, StoreError> {
    let now = database.now();
    let retry =
        async |session: &mut Session| session.change(&database.statements.retry, |it| it.bind(task.0).bind(now)).await;
    let retried = database.sessions.call(retry).await? == 1;
    if retried {
        database.changes.bump();
    }
    Ok(retried)
}

pub(super) async fn prune(database: &Database, request: &PruneRequest) -> Result<usize, StoreError> {
    match &request.queues {
        PrunedQueues::Only(queue) => forget(database, request, queue, request.limit).await,
        PrunedQueues::AllBut(others) => {
            let (mut queue, mut forgotten) = (String::new(), 0);
            loop {
                let after = queue;
                let next = async |session: &mut Session| {
                    session.optional(&database.statements.next_queue, |it| it.bind(after)).await
                };
                let Some(row) = database.sessions.call(next).await? else { break };
                queue = row.try_get(0).map_err(|error| database.explain(error.into()))?;
                if !others.contains(&queue) {
                    forgotten += forget(database, request, &queue, request.limit - forgotten).await?;
                    if forgotten >= request.limit {
                        break;
                    }
                }
            }
            Ok(forgotten)
        }
    }
}

async fn forget(database: &Database, request: &PruneRequest, queue: &str, limit: usize) -> Result<usize, StoreError> {
    let (state, age, now) = (request.state.as_str(), millis(request.older_than), database.now());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let forget = async |session: &mut Session| {
        let prune = &database.statements.prune;
        let row = session.one(prune, |it| it.bind(queue).bind(state).bind(age).bind(limit).bind(now)).await?;
        Outcome::<i64>::Ok(row.try_get(0)?)
    };
    Ok(usize::try_from(database.sessions.call(forget).await?).unwrap_or(0))
}

pub(super) async fn counts(database: &Database) -> Result<Counts, StoreError> {
    let count = async |session: &mut Session| {
        let live = session.one(&database.statements.count_live, |it| it).await?;
        let mut counts = Counts {
            waiting: live.try_get::<i64, _>(0)?.unsigned_abs(),
            running: live.try_get::<i64, _>(1)?.unsigned_abs(),
            ..Counts::default()
        };
        for row in session.all(&database.statements.count_ended, |it| it).await? {
            let (state, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            counts.ended.insert(state.parse().map_err(StoreError::other)?, count.unsigned_abs());
        }
        Outcome::Ok(counts)
    };
    database.sessions.call(count).await
}

pub(super) async fn find(database: &Database, task: TaskId) -> Result<Option<TaskRecord>, StoreError> {
    let find = async |session: &mut Session| {
        let row = session.optional(&database.statements.find, |it| it.bind(task.0)).await?;
        row.as_ref().map(rows::record).transpose()
    };
    database.sessions.call(find).await
}

pub(super) async fn content(database: &Database, task: TaskId) -> Result<Option<TaskContent>, StoreError> {
    let find = async |session: &mut Session| {
        let row = session.optional(&database.statements.content, |it| it.bind(task.0)).await?;
        row.as_ref().map(rows::content).transpose()
    };
    database.sessions.call(find).await
}

pub(super) async fn list(database: &Database, filter: TaskFilter) -> Result<Vec<TaskRecord>, StoreError> {
    let TaskFilter { state, send_id, signal, receiver, queue, before, limit } = filter;
    let (before, limit) = (before.map_or(i64::MAX, |before| before.0), i64::try_from(limit).unwrap_or(i64::MAX));
    let state = state.map(|state| state.as_str());
    let list = async |session: &mut Session| {
        let list = &database.statements.list;
        let found = session
            .all(list, |it| {
                it.bind(before).bind(state).bind(send_id).bind(signal).bind(receiver).bind(queue).bind(limit)
            })
            .await?;
        found.iter().map(rows::record).collect::<Outcome<Vec<_>>>()
    };
    database.sessions.call(list).await
}

pub(super) async fn publish(database: &Database, receivers: Vec<PublishedReceiver>) -> Result<(), StoreError> {
    let now = database.now();
    let names: Vec<&str> = receivers.iter().map(|receiver| &*receiver.name).collect();
    let signals: Vec<&str> = receivers.iter().map(|receiver| &*receiver.signal).collect();
    let queues: Vec<&str> = receivers.iter().map(|receiver| &*receiver.queue).collect();
    let publish = async |session: &mut Session| {
        let publish = &database.statements.publish;
        session.change(publish, |it| it.bind(names).bind(signals).bind(queues).bind(now)).await
    };
    database.sessions.call(publish).await.map(drop)
}

pub(super) async fn published(database: &Database, within: Duration) -> Result<Vec<PublishedReceiver>, StoreError> {
    let now = database.now();
    let read = |row: &PgRow| -> Outcome<_> {
        Ok(PublishedReceiver { name: row.try_get(0)?, signal: row.try_get(1)?, queue: row.try_get(2)? })
    };
    let find = async |session: &mut Session| {
        let rows = session.all(&database.statements.published, |it| it.bind(millis(within)).bind(now)).await?;
        rows.iter().map(read).collect::<Outcome<Vec<_>>>()
    };
    database.sessions.call(find).await
}
