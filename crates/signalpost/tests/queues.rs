//! A worker that does not serve the queue of a receiver. What it is warned of is for the whole process.

mod common;

use common::Warnings;
use signalpost::{Event, Signal, SqliteStore, Worker, receiver};
use std::sync::Arc;

static PAID: Signal<u32> = Signal::new("tests.queues.paid");

#[receiver(PAID, background, name = "tests.queues.mail", queue = "mail")]
fn mail(_event: &Event<u32>) {}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_warns_of_receivers_whose_queue_it_does_not_serve() {
    let warnings = Warnings::listen();
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path().join("app.db")).unwrap());
    Worker::new(store.clone()).queues(["default", "mail"]).run_until(async {}).await.unwrap();
    assert!(warnings.take().is_empty());
    Worker::new(store).run_until(async {}).await.unwrap();
    let warned = warnings.take();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("mail") && warned[0].contains("tests.queues.mail") && warned[0].contains(".queues(["));
}
