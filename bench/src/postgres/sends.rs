//! Background sends: alone, from many at once, and in a transaction of the caller's.

use std::sync::Arc;
use std::time::Instant;

use signalpost::{BoxError, with_store};
use signalpost_postgres_server::Server;
use signalpost_store::PostgresStore;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_postgres::{Client, Statement};

use super::database::Database;
use super::outbox::Preparing;
use super::raw;
use crate::measure::{Measure, median, percentile};
use crate::ping::{PING, Ping};

const SENDERS: usize = 64;
/// Sends in one transaction of the caller's.
const ROWS: usize = 20;

pub(crate) fn run(server: &Server, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let runtime = Runtime::new()?;
    let mut measures = vec![one(server, &runtime, quick)?];
    measures.extend(many(server, &runtime, quick)?);
    measures.extend(in_transaction(server, quick)?);
    Ok(measures)
}

/// Single sends, each of them waited for.
fn one(server: &Server, runtime: &Runtime, quick: bool) -> Result<Measure, BoxError> {
    let (rounds, sends) = (if quick { 100 } else { 1_000 }, 10);
    let (ours_database, raw_database) = (Database::new(server)?, Database::new(server)?);
    let store = runtime.block_on(ours_database.store())?;
    let client = runtime.block_on(Inserter::new(&raw_database))?;
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let sending = runtime.spawn(with_store(store.clone(), async move {
            let mut took = Vec::with_capacity(sends);
            for number in 1..=sends {
                let began = Instant::now();
                PING.asend("bench", &Ping { number }).await?;
                took.push(began.elapsed().as_secs_f64() * 1e6);
            }
            Ok::<_, BoxError>(took)
        }));
        ours.extend(runtime.block_on(sending)??);
        let client = client.clone();
        let inserting = runtime.spawn(async move {
            let mut took = Vec::with_capacity(sends);
            for number in 1..=sends {
                let began = Instant::now();
                client.insert(number).await?;
                took.push(began.elapsed().as_secs_f64() * 1e6);
            }
            Ok::<_, BoxError>(took)
        });
        reference.extend(runtime.block_on(inserting)??);
    }
    Ok(Measure::beside("one asend | INSERT + commit", median(&mut ours), median(&mut reference), "µs", ""))
}

/// A connection with the INSERT prepared. Outside a transaction each is one of its own.
struct Inserter {
    client: Client,
    insert: Statement,
}

impl Inserter {
    async fn new(database: &Database<'_>) -> Result<Arc<Self>, BoxError> {
        let client = database.connect().await?;
        let insert = client.prepare(raw::INSERT).await?;
        Ok(Arc::new(Self { client, insert }))
    }

    async fn insert(&self, number: usize) -> Result<(), BoxError> {
        raw::insert(&self.client, &self.insert, number).await
    }
}

/// Sends of 64 tasks at once: against 64 rows in a statement, and against 64 connections.
fn many(server: &Server, runtime: &Runtime, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (rounds, each) = if quick { (5, 50) } else { (15, 200) };
    let [ours_database, groups_database, connections_database] =
        [Database::new(server)?, Database::new(server)?, Database::new(server)?];
    let store = runtime.block_on(ours_database.store())?;
    let client = Arc::new(runtime.block_on(groups_database.connect())?);
    let inserters = runtime.block_on(async {
        let mut inserters = Vec::with_capacity(SENDERS);
        for _ in 0..SENDERS {
            inserters.push(Inserter::new(&connections_database).await?);
        }
        Ok::<_, BoxError>(inserters)
    })?;
    let (mut ours, mut in_groups, mut by_connections) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let rate = |began: Instant| (SENDERS * each) as f64 / began.elapsed().as_secs_f64();
        let began = Instant::now();
        runtime.block_on(runtime.spawn(send_from_many(store.clone(), each)))??;
        ours.push(rate(began));
        let client = client.clone();
        let began = Instant::now();
        runtime.block_on(runtime.spawn(async move { raw::insert_in_groups(&client, each, SENDERS).await }))??;
        in_groups.push(rate(began));
        let began = Instant::now();
        runtime.block_on(runtime.spawn(insert_by_many(inserters.clone(), each)))??;
        by_connections.push(rate(began));
    }
    let ours = median(&mut ours);
    let beside = |reference: &str, rates: &mut Vec<f64>| {
        let name = format!("{SENDERS} at once, asend | {reference}");
        Measure::beside(name, ours, median(rates), "rows/s", "")
    };
    Ok(vec![
        beside(&format!("INSERTs of {SENDERS} rows"), &mut in_groups),
        beside(&format!("{SENDERS} connections, INSERT + commit"), &mut by_connections),
    ])
}

async fn send_from_many(store: Arc<PostgresStore>, each: usize) -> Result<(), BoxError> {
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        senders.spawn(with_store(store.clone(), async move {
            for number in 1..=each {
                PING.asend("bench", &Ping { number }).await?;
            }
            Ok::<_, BoxError>(())
        }));
    }
    all(senders).await
}

async fn insert_by_many(inserters: Vec<Arc<Inserter>>, each: usize) -> Result<(), BoxError> {
    let mut inserting = JoinSet::new();
    for inserter in inserters {
        inserting.spawn(async move {
            for number in 1..=each {
                inserter.insert(number).await?;
            }
            Ok::<_, BoxError>(())
        });
    }
    all(inserting).await
}

async fn all(mut running: JoinSet<Result<(), BoxError>>) -> Result<(), BoxError> {
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}

/// The statement of a send in a transaction of the caller's, beside a plain one of the same client. Caller and connection
/// share a thread: between two of them the kernel's choice of a core would be half of what is measured.
fn in_transaction(server: &Server, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let rounds = if quick { 50 } else { 500 };
    let database = Database::new(server)?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let store = database.store().await?;
        let sender = Preparing::new(database.connect().await?);
        let insert = sender.client.prepare(raw::INSERT).await?;
        let (mut ours, mut reference) = (Vec::new(), Vec::new());
        with_store(store, async {
            for _ in 0..rounds {
                sender.client.batch_execute("BEGIN").await?;
                for number in 1..=ROWS {
                    let began = Instant::now();
                    PING.send_in(&sender, "bench", &Ping { number }).await?;
                    ours.push(began.elapsed().as_secs_f64() * 1e6);
                }
                sender.client.batch_execute("COMMIT; BEGIN").await?;
                for number in 1..=ROWS {
                    let began = Instant::now();
                    raw::insert(&sender.client, &insert, number).await?;
                    reference.push(began.elapsed().as_secs_f64() * 1e6);
                }
                sender.client.batch_execute("COMMIT").await?;
            }
            Ok::<_, BoxError>(())
        })
        .await?;
        let mut beside = |name: &str, percent: f64, wanted| {
            let (ours, reference) = (percentile(&mut ours, percent), percentile(&mut reference, percent));
            Measure::beside(name, ours, reference, "µs", wanted)
        };
        Ok(vec![beside("send_in in a transaction | INSERT in one", 50.0, "at most 1.3"), beside("  p99", 99.0, "")])
    })
}
