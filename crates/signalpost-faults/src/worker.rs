//! The worker that is killed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signalpost::{BoxError, Data, Event, RunningTask, Signal, SqliteStore, Worker, receiver};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use crate::Ledger;

/// What the scenarios send.
pub static WORK: Signal<Work> = Signal::new("faults.work");

/// The name of its receiver.
pub const RECEIVER: &str = "faults.do_work";

/// Nothing but a number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    /// Which one it is.
    pub number: u32,
}

/// What a run returns, and the store keeps: whose run it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The process.
    pub pid: u32,
    /// Which claim of the task.
    pub attempt: u32,
}

struct Pace(Duration);

#[receiver(WORK, background, name = RECEIVER, keep_result)]
async fn do_work(
    _event: Event<'_, Work>,
    task: RunningTask,
    ledger: Data<Ledger>,
    pace: Data<Pace>,
) -> Result<Done, BoxError> {
    ledger.write(task.id.0, task.attempt, false)?;
    tokio::time::sleep(pace.0).await;
    ledger.write(task.id.0, task.attempt, true)?;
    Ok(Done { pid: std::process::id(), attempt: task.attempt })
}

/// What the scenario of atomic receivers sends.
pub static ADD: Signal<Work> = Signal::new("faults.add");

#[receiver(ADD, background, name = "faults.add_one", atomic)]
async fn add_one(_event: Event<'_, Work>, task: RunningTask, db: Data<SqlitePool>) -> Result<(), BoxError> {
    let mut tx = task.begin(&db).await?;
    sqlx::query("UPDATE counter SET value = value + 1").execute(&mut **tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Works until it is killed, or stopped by SIGTERM.
///
/// # Errors
///
/// When the store or the ledger cannot be opened.
#[tokio::main]
pub async fn run(
    database: &Path,
    ledger: &Path,
    lease: Duration,
    work: Duration,
    deaths_alone: u32,
) -> Result<(), BoxError> {
    let ansi = false;
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(ansi).init();
    let store = Arc::new(SqliteStore::open(database)?);
    let ledger = Ledger::open(&ledger.join(format!("{}.jsonl", std::process::id())))?;
    let options = SqliteConnectOptions::new().filename(database).busy_timeout(Duration::from_secs(30));
    // A third connection would only wait for the lock of the second.
    let pool = SqlitePoolOptions::new().max_connections(2).connect_lazy_with(options);
    let worker = Worker::new(store).data(ledger).data(Pace(work)).data(pool).concurrency(16).lease(lease);
    Ok(worker.max_deaths_alone(deaths_alone).run_until_signalled().await?)
}
