//! Background receivers where no store is installed.

use std::sync::{Arc, Once};

use signalpost_dispatch::Receiver;
use signalpost_store::Task;

use super::Row;
use crate::data::DataMap;
use crate::run::RunContext;
use crate::{BoxError, headers};

/// Runs background receivers on the spot, each whatever became of the one before.
pub(super) async fn run_here(rows: Vec<Row>) -> Vec<(Receiver, Result<(), BoxError>)> {
    if rows.is_empty() {
        return Vec::new();
    }
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(
            target: "signalpost",
            "no store is installed: background receivers run inside the send (said once; see signalpost::install)"
        );
    });
    let data = Arc::new(DataMap::default());
    let mut ran = Vec::new();
    for Row { task, runs, .. } in rows {
        let task = Arc::new(Task::without_store(task));
        for receiver in runs {
            let context = RunContext::here(task.clone(), data.clone(), receiver.is_atomic);
            let run = (receiver.start)(context).finish_here();
            let outcome = headers::without_scope(run).await.map(drop).map_err(|failure| failure.reason);
            if let Err(reason) = &outcome {
                tracing::error!(target: "signalpost", receiver = %receiver.receiver, reason, "background receiver failed");
            }
            ran.push((receiver.receiver, outcome.map_err(BoxError::from)));
        }
    }
    ran
}
