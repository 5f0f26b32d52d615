//! Leases tasks from a [`Store`](signalpost_store::Store) and has an [`Executor`] run them: the [`Worker`].
//!
//! ```
//! use signalpost_store::{NewTask, SqliteStore, Store, Task};
//! use signalpost_worker::{ClaimedTask, Executor, Known, ReceiverPolicy, Run, Success, Worker, WorkerOptions};
//! use std::sync::Arc;
//!
//! /// Knows one receiver, which prints.
//! struct Printer;
//!
//! impl Executor for Printer {
//!     fn look_up(&self, task: &Task) -> Known {
//!         match &*task.receiver {
//!             "print" => Known::As(ReceiverPolicy::default()),
//!             other => Known::Not(format!("there is no receiver `{other}`")),
//!         }
//!     }
//!
//!     fn run(&self, claimed: ClaimedTask) -> Run {
//!         Run::asynchronous(async move {
//!             println!("{}", String::from_utf8_lossy(&claimed.task.payload));
//!             Ok(Success::default())
//!         })
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("app.db");
//! let store = Arc::new(SqliteStore::open(path)?);
//! store.insert(vec![NewTask::new("doc.signal", "print", r#""hello""#)]).await?;
//!
//! // A service says `run_until_signalled`.
//! Worker::new(store, Arc::new(Printer), WorkerOptions::default())?.run_until_idle().await?;
//! # Ok(())
//! # }
//! ```
//!
//! All policy is here: how far to claim ahead, when to report, how long to wait before a retry, when to stop trusting
//! a lease. The store only keeps, and guards, what it is told. `docs/delivery.md` in the repository tells the whole
//! protocol.

mod backoff;
mod claimed_task;
mod drain;
mod driver;
mod executor;
mod gates;
mod happening;
mod health;
mod idle;
mod in_hand;
mod keeper;
mod options;
mod pace;
mod queue;
mod rate;
mod run;
mod shares;
mod stop;
mod trouble;
mod verdict;
mod worker;

pub use backoff::Backoff;
pub use claimed_task::ClaimedTask;
pub use drain::Drain;
pub use executor::{Executor, Failure, Known, ReceiverPolicy, Success};
pub use health::{Health, WorkerState};
pub use idle::idle;
pub use options::WorkerOptions;
pub use queue::Queue;
pub use rate::Rate;
pub use run::Run;
pub use stop::Stopper;
pub use worker::{Worker, WorkerError};
