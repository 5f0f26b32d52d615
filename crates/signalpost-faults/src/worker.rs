//! The worker that is killed.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use signalpost::{BoxError, Data, Event, RunningTask, Signal, Worker, receiver};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use crate::{Entry, Ledger, ledger, log, store};

/// What the scenarios send.
pub static WORK: Signal<Work> = Signal::new("faults.work");

/// The name of its receiver.
pub const RECEIVER: &str = "faults.do_work";

/// Nothing but a number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    /// Which one it is.
    pub number: u32,
    /// How long it takes, in milliseconds, if not as long as everything else.
    pub takes_ms: Option<u64>,
    /// Nothing but weight.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ballast: String,
}

impl Work {
    /// One that takes as long as everything else.
    pub fn of(number: u32) -> Self {
        Self { number, takes_ms: None, ballast: String::new() }
    }
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

/// `None` where nobody will ask.
struct Book(Option<Ledger>);

impl Book {
    fn write(&self, work: &Work, task: &RunningTask, ended: bool) -> Result<(), BoxError> {
        let Some(ledger) = &self.0 else { return Ok(()) };
        let (pid, at) = (std::process::id(), ledger::now());
        let entry = Entry { task: task.id.0, number: work.number, pid, attempt: task.attempt, ended, at };
        Ok(ledger.write(&entry)?)
    }
}

#[receiver(WORK, background, name = RECEIVER, keep_result)]
async fn do_work(
    event: Event<'_, Work>,
    task: RunningTask,
    book: Data<Book>,
    pace: Data<Pace>,
) -> Result<Done, BoxError> {
    book.write(event.payload, &task, false)?;
    tokio::time::sleep(event.payload.takes_ms.map_or(pace.0, Duration::from_millis)).await;
    book.write(event.payload, &task, true)?;
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

/// How the process is started: what a scenario gives, and what the program reads.
#[derive(Debug, Clone, Args)]
pub struct WorkerArguments {
    /// A file, or the URL of a PostgreSQL database.
    #[arg(long)]
    pub database: String,
    /// Where the ledger's files are. Without it none is kept.
    #[arg(long)]
    pub ledger: Option<PathBuf>,
    /// The worker's lease.
    #[arg(long)]
    pub lease_ms: u64,
    /// How long a receiver takes.
    #[arg(long)]
    pub work_ms: u64,
    /// How many deaths a task may suffer alone.
    #[arg(long)]
    pub deaths_alone: u32,
    /// How many receivers run at once.
    #[arg(long)]
    pub concurrency: usize,
    /// How long successes stay in the history [default: as ever].
    #[arg(long)]
    pub keep_ended_ms: Option<u64>,
}

impl WorkerArguments {
    /// Gives them to the program.
    pub(crate) fn give(&self, command: &mut Command) {
        command.args(["worker", "--database", &self.database]);
        if let Some(ledger) = &self.ledger {
            command.arg("--ledger").arg(ledger);
        }
        command.args(["--lease-ms", &self.lease_ms.to_string(), "--work-ms", &self.work_ms.to_string()]);
        command.args(["--deaths-alone", &self.deaths_alone.to_string()]);
        command.args(["--concurrency", &self.concurrency.to_string()]);
        if let Some(keep) = self.keep_ended_ms {
            command.args(["--keep-ended-ms", &keep.to_string()]);
        }
    }
}

/// Works until it is killed, or stopped by SIGTERM.
///
/// # Errors
///
/// When the store or the ledger cannot be opened.
#[tokio::main]
pub async fn run(arguments: &WorkerArguments) -> Result<(), BoxError> {
    log::begin();
    let book = Book(arguments.ledger.as_deref().map(Ledger::open).transpose()?);
    // As the documentation advises: less than a third of the lease.
    let most = Duration::from_millis(arguments.lease_ms / 4).min(Duration::from_secs(8));
    let store = store::open(&arguments.database, most).await?;
    let options = SqliteConnectOptions::new().filename(&arguments.database).busy_timeout(Duration::from_secs(30));
    // A third connection would only wait for the lock of the second. On PostgreSQL it is never asked for one.
    let pool = SqlitePoolOptions::new().max_connections(2).connect_lazy_with(options);
    let mut worker = Worker::new(store)
        .data(book)
        .data(Pace(Duration::from_millis(arguments.work_ms)))
        .data(pool)
        .concurrency(arguments.concurrency)
        .lease(Duration::from_millis(arguments.lease_ms))
        .max_deaths_alone(arguments.deaths_alone);
    if let Some(keep) = arguments.keep_ended_ms {
        worker = worker.keep_ended(Duration::from_millis(keep));
    }
    Ok(worker.run_until_signalled().await?)
}
