#![doc = include_str!("guide.md")]

mod atomic;
mod atomic_error;
mod background;
mod background_signal;
mod bridge;
mod chain;
mod data;
pub mod event_loop;
mod executor;
mod failure;
mod headers;
#[cfg(not(feature = "testing"))]
mod hooks;
#[cfg(feature = "tower")]
pub mod http;
mod install;
mod instance;
mod lifecycle;
mod link;
mod listing;
mod middleware;
#[cfg(feature = "sea-orm")]
pub mod models;
mod outbox;
mod registry;
mod registry_error;
mod response;
mod rows;
mod run;
mod running_task;
mod send_options;
mod send_with;
mod sender_alias;
mod signal;
mod snapshot;
mod stored_signal;
#[cfg(feature = "testing")]
pub mod testing;
mod worker;

pub use atomic::{AtomicTransaction, ClientTransaction};
pub use atomic_error::AtomicError;
pub use background::BackgroundOptions;
pub use background_signal::{AsyncSignal, Sent};
pub use data::{Data, FromRun, Needs, provide};
pub use failure::{Permanent, RetryAfter};
pub use headers::{Headers, carry, with_headers, with_headers_blocking};
pub use install::{InstallError, Installed, install, install_strictly, with_store, with_store_blocking};
pub use instance::{Instance, Load, Model};
pub use lifecycle::{REQUEST_FINISHED, REQUEST_STARTED, RequestFinished, RequestStarted};
pub use lifecycle::{TASK_ENQUEUED, TASK_FINISHED, TASK_STARTED, TaskEnqueued, TaskFinished, TaskStarted};
pub use listing::{ConnectedReceiver, ReceiverKind, SignalInfo};
pub use middleware::{Middleware, Next};
pub use outbox::{BeginImmediate, Outbox, begin_immediate};
pub use registry::signals;
pub use registry_error::RegistryError;
pub use response::Response;
pub use running_task::{RunningTask, TaskInfo, running_task};
pub use send_options::SendOptions;
pub use send_with::SendWith;
pub use sender_alias::alias_sender;
pub use signal::{Responses, RobustResponses, Signal};
pub use signalpost_dispatch::{
    AsyncMethod, AsyncReceiver, BoxError, ConnectOptions, Connection, DispatchUid, Event, Receiver, ReceiverError,
    ReceiverId, ReceiverOutput, ScopedConnection, SendError, Sender, SenderType,
};
#[doc = include_str!("receiver.md")]
pub use signalpost_macros::receiver;
pub use signalpost_store::{
    Clock, Column, Counts, EndState, ManualClock, NewTask, Outcome, PayloadError, SendId, State, Store, StoreError,
    TaskContent, TaskFilter, TaskId, TaskRecord,
};
#[cfg(feature = "postgres")]
pub use signalpost_store::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use signalpost_store::{SqliteOptions, SqliteStore};
pub use signalpost_worker::{Backoff, Failure, Health, Queue, Rate, Success, WorkerState};
pub use snapshot::Snapshot;
#[cfg(feature = "testing")]
use testing::hooks;
pub use tokio_util::sync::CancellationToken;
pub use worker::{Worker, WorkerError, shutdown_signal};

/// The sender that stands for the type `T`: `sender::<article::Entity>()`.
///
/// ```
/// use signalpost::{SenderType, sender};
///
/// struct Shop;
/// impl SenderType for Shop {
///     const LABEL: &'static str = "shop.Shop";
/// }
/// assert_eq!(sender::<Shop>().as_label(), Some("shop.Shop"));
/// ```
pub fn sender<T: SenderType>() -> Sender {
    Sender::of::<T>()
}

/// What `#[receiver]` and `model!` expand to. Not for anybody else, and not kept stable.
#[doc(hidden)]
pub mod __private {
    pub use crate::background::Declared;
    pub use crate::link::Registration;
    #[cfg(feature = "sea-orm")]
    pub use crate::models::{ModelSignals, behavior};
    pub use crate::run::{RunContext, assert_payload, kept_outcome, outcome, payload_for, run_async, run_blocking};
    pub use inventory;
    #[cfg(feature = "sea-orm")]
    pub use sea_orm;
    pub use serde_json::to_value;

    /// The columns of a snapshot.
    pub fn snapshot<const N: usize>(columns: [(&str, serde_json::Result<serde_json::Value>); N]) -> crate::Snapshot {
        crate::Snapshot::of_columns(columns)
    }
}

#[cfg(all(doctest, feature = "sqlx"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "postgres", feature = "sea-orm", feature = "sqlx", feature = "testing"))]
mod book;
