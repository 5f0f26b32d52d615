//! What a task is, and where tasks are kept: the [`Store`], whose documentation is the contract.
//!
//! ```
//! use signalpost_store::{ClaimRequest, Finish, NewTask, Outcome, SqliteStore, Store};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), signalpost_store::StoreError> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("app.db");
//! let store = SqliteStore::open(path)?;
//! store.insert(vec![NewTask::new("news.article_published", "email_subscribers", "{}")]).await?;
//!
//! let worker = store.register(Duration::from_secs(30)).await?;
//! let claim = store.claim(&worker.id, &ClaimRequest::new(["default"], 64)).await?;
//! let task = &claim.tasks[0];
//! let finish = Finish::new(task, Outcome::Succeeded { result: None });
//! assert_eq!(store.finish_if_leased(&worker.id, vec![finish]).await?, [true]);
//! # Ok(())
//! # }
//! ```
//!
//! A store knows nothing of policy: how long to wait before a retry, when a receiver has run too long or which queue
//! comes first is the worker's to say. `docs/delivery.md` in the repository tells the whole protocol.

mod claim;
mod clock;
mod column;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod finish;
mod name;
mod non_finite;
mod payload;
#[cfg(feature = "postgres")]
mod postgres;
mod priority;
mod reason;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod schema_version;
pub mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod task;
mod task_json;

pub use claim::{Claim, ClaimRequest, QueueShare};
pub use clock::{Clock, ManualClock, SystemClock};
pub use column::Column;
pub use error::StoreError;
pub use finish::{Finish, Outcome};
pub use name::{DEFAULT_QUEUE, check_name};
pub use payload::{PayloadError, PayloadLimits, decode_payload, encode_payload};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresCredentials, PostgresOptions, PostgresStore};
pub use priority::check_priority;
pub use reason::readable_reason;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};
pub use store::{
    CompletionStatement, Counts, OutboxStatement, PruneRequest, PrunedQueues, PublishedReceiver, Registered, Renewal,
    RescueCause, RescueRequest, Rescued, Store, TaskFilter,
};
pub use task::{EndState, NewTask, SendId, State, Task, TaskContent, TaskId, TaskRecord, WorkerId};
