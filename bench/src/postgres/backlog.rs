//! What a long backlog costs.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use signalpost::BoxError;
use signalpost_postgres_server::Server;
use signalpost_store::{ClaimRequest, Finish, NewTask, Outcome, PostgresStore, Store, WorkerId};
use tokio::runtime::Runtime;

use super::database::Database;
use super::worker;
use crate::measure::{Measure, median};
use crate::ping::RECEIVER;

const SHORT: usize = 1_000;

pub(crate) fn run(server: &Server, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (long, rounds, work) = if quick { (100_000, 200, 2) } else { (1_000_000, 2_000, 10) };
    let long_database = Database::with_tasks(server, long)?;
    let short_database = Database::with_tasks(server, SHORT)?;
    let (mut at_long, mut at_short) = (Vec::new(), Vec::new());
    Runtime::new()?.block_on(async {
        let mut in_long = Claimer::new(&long_database).await?;
        let mut in_short = Claimer::new(&short_database).await?;
        for _ in 0..rounds {
            at_long.push(in_long.claim().await?);
            at_short.push(in_short.claim().await?);
        }
        Ok::<_, BoxError>(())
    })?;
    // From a database of its own, where all of them still wait.
    drop(long_database);
    let database = Database::with_tasks(server, long)?;
    let worker = worker::start(database.url(), false)?;
    thread::sleep(Duration::from_secs(work));
    let memory = worker.peak_memory()?;
    Ok(vec![
        Measure::beside(
            format!("a claim of 64 with {long} waiting | {SHORT}"),
            median(&mut at_long),
            median(&mut at_short),
            "µs",
            "at most 2",
        ),
        Measure::alone(format!("most memory of a worker's process, of {long} tasks"), memory, "MiB", "under 64"),
    ])
}

struct Claimer {
    store: Arc<PostgresStore>,
    worker: WorkerId,
}

impl Claimer {
    async fn new(database: &Database<'_>) -> Result<Self, BoxError> {
        let store = database.store().await?;
        let worker = store.register(Duration::from_secs(600)).await?.id;
        Ok(Self { store, worker })
    }

    /// Microseconds for a claim. As many are finished and sent as it took, so that the backlog keeps its length.
    async fn claim(&mut self) -> Result<f64, BoxError> {
        let request = ClaimRequest::new(["default"], 64);
        let began = Instant::now();
        let claim = self.store.claim(&self.worker, &request).await?;
        let took = began.elapsed();
        if claim.tasks.len() != request.limit {
            return Err(format!("a claim of {} got {}", request.limit, claim.tasks.len()).into());
        }
        let finish = |task| Finish::new(task, Outcome::Succeeded { result: None });
        let finishes = claim.tasks.iter().map(finish).collect();
        self.store.finish_if_leased(&self.worker, finishes).await?;
        let again = claim.tasks.iter().map(|_| NewTask::new("bench.ping", RECEIVER, r#"{"number":0}"#));
        self.store.insert(again.collect()).await?;
        Ok(took.as_secs_f64() * 1e6)
    }
}
