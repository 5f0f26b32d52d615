//! A process that sends.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use clap::Args;
use signalpost::{BoxError, SendId, SendOptions, Store, StoreError, shutdown_signal};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::worker::{WORK, Work};
use crate::{Ledger, Sent, ledger, log, store};

/// How long it leaves the store alone after a send has failed.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// How the process is started: what a scenario gives, and what the program reads.
#[derive(Debug, Clone, Args)]
pub struct SenderArguments {
    /// A file, or the URL of a PostgreSQL database.
    #[arg(long)]
    pub database: String,
    /// Where the ledger's files are. Without it none is kept.
    #[arg(long)]
    pub ledger: Option<PathBuf>,
    /// The number of the first send. Each sender has numbers of its own.
    #[arg(long)]
    pub first: u32,
    /// How many sends to make [default: until SIGTERM].
    #[arg(long)]
    pub count: Option<u32>,
    /// How many are under way at once.
    #[arg(long, default_value_t = 8)]
    pub at_once: u32,
    /// How many to make in a second [default: as many as possible].
    #[arg(long)]
    pub rate: Option<f64>,
    /// Repeat a send that failed, under its own id, until it has succeeded. Without it a failure ends the process.
    #[arg(long)]
    pub repeat: bool,
    /// One send in so many is of a task that takes longer.
    #[arg(long, requires = "long_ms")]
    pub long_every: Option<u32>,
    /// How long that one takes.
    #[arg(long)]
    pub long_ms: Option<u64>,
    /// How many bytes of weight each payload carries.
    #[arg(long, default_value_t = 0)]
    pub ballast: usize,
}

impl SenderArguments {
    /// Sends from this number on, as fast as it can, without repeating what fails, until it is stopped.
    pub fn from(first: u32) -> Self {
        let (database, ledger, count, rate, repeat) = Default::default();
        let (long_every, long_ms, ballast) = Default::default();
        Self { database, ledger, first, count, at_once: 8, rate, repeat, long_every, long_ms, ballast }
    }

    /// Gives them to the program.
    pub(crate) fn give(&self, command: &mut Command) {
        command.args(["sender", "--database", &self.database]);
        if let Some(ledger) = &self.ledger {
            command.arg("--ledger").arg(ledger);
        }
        let mut number = |name: &str, number: Option<String>| {
            if let Some(number) = number {
                command.args([name, &number]);
            }
        };
        number("--first", Some(self.first.to_string()));
        number("--count", self.count.map(|count| count.to_string()));
        number("--at-once", Some(self.at_once.to_string()));
        number("--rate", self.rate.map(|rate| rate.to_string()));
        number("--long-every", self.long_every.map(|every| every.to_string()));
        number("--long-ms", self.long_ms.map(|long| long.to_string()));
        number("--ballast", Some(self.ballast.to_string()));
        if self.repeat {
            command.arg("--repeat");
        }
    }

    fn work(&self, number: u32) -> Work {
        let is_long = self.long_every.is_some_and(|every| number.is_multiple_of(every));
        Work { number, takes_ms: self.long_ms.filter(|_| is_long), ballast: "x".repeat(self.ballast) }
    }
}

/// One process's sends.
struct Sending {
    arguments: SenderArguments,
    store: Arc<dyn Store>,
    ledger: Option<Ledger>,
    next: AtomicU32,
    is_over: AtomicBool,
}

impl Sending {
    /// One of those that send at once: each has its part of the rate.
    async fn send_all(&self) -> Result<(), BoxError> {
        let SenderArguments { rate, at_once, first, count, .. } = self.arguments;
        let mut tick = rate.map(|rate| interval(Duration::from_secs_f64(f64::from(at_once) / rate)));
        if let Some(tick) = &mut tick {
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            if let Some(tick) = &mut tick {
                tick.tick().await;
            }
            let number = self.next.fetch_add(1, SeqCst);
            if self.is_over.load(SeqCst) || count.is_some_and(|count| number >= first + count) {
                return Ok(());
            }
            self.send(number).await?;
            if let Some(ledger) = &self.ledger {
                ledger.write(&Sent { number, at: ledger::now() })?;
            }
        }
    }

    async fn send(&self, number: u32) -> Result<(), BoxError> {
        let work = self.arguments.work(number);
        if !self.arguments.repeat {
            signalpost::with_store(self.store.clone(), WORK.asend("faults", &work)).await?;
            return Ok(());
        }
        let options = SendOptions::new().send_id(SendId::new());
        loop {
            let send = WORK.with(options.clone()).asend("faults", &work);
            match signalpost::with_store(self.store.clone(), send).await {
                Ok(_) => return Ok(()),
                Err(error) if error.downcast_ref::<StoreError>().is_some_and(StoreError::is_transient) => {
                    sleep(AFTER_FAILURE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Sends until it has sent what it was told to, or is stopped by SIGTERM: then what is under way is sent to its end.
///
/// # Errors
///
/// When the store or the ledger cannot be opened, or a send fails that is not to be repeated.
#[tokio::main]
pub async fn run(arguments: SenderArguments) -> Result<(), BoxError> {
    log::begin();
    let ledger = arguments.ledger.as_deref().map(Ledger::open).transpose()?;
    let store = store::open(&arguments.database, CALL_TIMEOUT).await?;
    let (next, is_over) = (AtomicU32::new(arguments.first), AtomicBool::new(false));
    let sending = Arc::new(Sending { store, ledger, next, is_over, arguments });
    let stopped = sending.clone();
    tokio::spawn(async move {
        shutdown_signal().await;
        stopped.is_over.store(true, SeqCst);
    });
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..sending.arguments.at_once {
        let sending = sending.clone();
        senders.spawn(async move { sending.send_all().await });
    }
    while let Some(sent) = senders.join_next().await {
        sent??;
    }
    Ok(())
}
