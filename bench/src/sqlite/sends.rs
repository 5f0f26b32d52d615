//! Background sends: alone, and from many at once.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use signalpost::{BoxError, SqliteStore, Store, with_store};
use signalpost_store::NewTask;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::database::Database;
use super::{outbox, raw};
use crate::measure::{Measure, median};
use crate::ping::{PING, Ping, RECEIVER};

const SENDERS: usize = 64;

pub(crate) fn run(quick: bool) -> Result<Vec<Measure>, BoxError> {
    let runtime = Runtime::new()?;
    let mut measures = one(&runtime, quick)?;
    measures.push(many(&runtime, quick)?);
    measures.extend(outbox::run(quick)?);
    Ok(measures)
}

/// Single sends, each of them waited for.
fn one(runtime: &Runtime, quick: bool) -> Result<Vec<Measure>, BoxError> {
    // Few at a time: where a disk is throttled, whoever writes behind a burst pays for it.
    let (rounds, sends) = (if quick { 150 } else { 1_500 }, 10);
    let (insert_database, send_database, raw_database) = (Database::new()?, Database::new()?, Database::new()?);
    let (insert_store, send_store, connection) =
        (insert_database.store()?, send_database.store()?, raw_database.connect()?);
    let (mut inserted, mut sent, mut reference) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let store = insert_store.clone();
        inserted.extend(runtime.block_on(runtime.spawn(insert_one_by_one(store, sends)))??);
        let store = send_store.clone();
        sent.extend(runtime.block_on(runtime.spawn(with_store(store, send_one_by_one(sends))))??);
        for number in 1..=sends {
            let began = Instant::now();
            raw::write(&connection, |connection| raw::Row::new(number).insert(connection))?;
            reference.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    let reference = median(&mut reference);
    Ok(vec![
        Measure::beside("one store.insert | INSERT + commit", median(&mut inserted), reference, "µs", "at most 1.7"),
        Measure::beside("one asend | INSERT + commit", median(&mut sent), reference, "µs", "at most 1.7"),
    ])
}

async fn insert_one_by_one(store: Arc<SqliteStore>, count: usize) -> Result<Vec<f64>, BoxError> {
    let mut took = Vec::with_capacity(count);
    for number in 1..=count {
        let began = Instant::now();
        store.insert(vec![NewTask::new("bench.ping", RECEIVER, format!(r#"{{"number":{number}}}"#))]).await?;
        took.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(took)
}

async fn send_one_by_one(count: usize) -> Result<Vec<f64>, BoxError> {
    let mut took = Vec::with_capacity(count);
    for number in 1..=count {
        let began = Instant::now();
        PING.asend("bench", &Ping { number }).await?;
        took.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(took)
}

/// Sends of 64 tasks at once, against 64 rows in a transaction.
fn many(runtime: &Runtime, quick: bool) -> Result<Measure, BoxError> {
    let (rounds, each) = if quick { (7, 100) } else { (15, 500) };
    let (ours_database, raw_database) = (Database::new()?, Database::new()?);
    let store = ours_database.store()?;
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        runtime.block_on(runtime.spawn(send_from_many(store.clone(), each)))??;
        ours.push((SENDERS * each) as f64 / began.elapsed().as_secs_f64());
        // SQLite as rusqlite builds it has one page cache for all connections of a process, and one that is idle keeps
        // what it has taken of it: whoever works beside it reads its pages anew for every row.
        let connection = raw_database.connect()?;
        let began = Instant::now();
        insert_in_groups(&connection, each)?;
        reference.push((SENDERS * each) as f64 / began.elapsed().as_secs_f64());
    }
    let name = format!("{SENDERS} at once, asend | {SENDERS} INSERTs a transaction");
    Ok(Measure::beside(name, median(&mut ours), median(&mut reference), "rows/s", "at least 0.5"))
}

async fn send_from_many(store: Arc<SqliteStore>, each: usize) -> Result<(), BoxError> {
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        senders.spawn(with_store(store.clone(), async move {
            for number in 1..=each {
                PING.asend("bench", &Ping { number }).await?;
            }
            Ok::<_, BoxError>(())
        }));
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    Ok(())
}

fn insert_in_groups(connection: &Connection, groups: usize) -> rusqlite::Result<()> {
    for group in 0..groups {
        raw::write(connection, |connection| {
            (1..=SENDERS).try_for_each(|number| raw::Row::new(group * SENDERS + number).insert(connection))
        })?;
    }
    Ok(())
}
