//! Two declared receivers of one name: nothing in this process can start.

use signalpost::{
    AsyncSignal, Event, InstallError, Sender, Signal, SqliteStore, Worker, WorkerError, receiver, signals,
};
use std::sync::Arc;

static PAID: Signal<u32> = Signal::new("tests.names.paid");
static REFUNDED: AsyncSignal<u32> = AsyncSignal::new("tests.names.refunded");

#[receiver(PAID, background, name = "print")]
fn print_label(_: &Event<u32>) {}

#[receiver(REFUNDED, background, name = "print")]
async fn print_receipt(_: &Event<'_, u32>) {}

#[receiver(PAID)]
fn inline(_: &Event<u32>) {
    unreachable!("the send was refused");
}

fn names_both(text: &str) {
    assert!(text.starts_with("two receivers are named `print`: at "), "{text}");
    assert_eq!(text.matches("names.rs:").count(), 2, "{text}");
    assert!(text.contains("hint: give one of them another name, with `name = "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_declared_receivers_of_one_name_stop_everything_that_would_need_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path().join("app.db")).unwrap());
    let error = signalpost::install(store.clone()).await.unwrap_err();
    assert!(matches!(error, InstallError::Registry(_)));
    names_both(&error.to_string());
    let error = Worker::new(store).run_until(std::future::pending()).await.unwrap_err();
    assert!(matches!(error, WorkerError::Registry(_)));
    names_both(&error.to_string());
    names_both(&signals().unwrap_err().to_string());
    names_both(&PAID.send(Sender::NONE, &1).unwrap_err().to_string());
    names_both(&PAID.asend(Sender::NONE, &1).await.unwrap_err().to_string());
    names_both(&REFUNDED.asend(Sender::NONE, &1).await.unwrap_err().to_string());
    assert!(!PAID.has_listeners(&Sender::NONE));
}
