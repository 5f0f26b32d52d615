//! A background receiver that is declared with a dispatch_uid: nothing in this process can start.

use signalpost::{AsyncSignal, Event, Sender, receiver};

static REFUNDED: AsyncSignal<u32> = AsyncSignal::new("tests.uids.refunded");

#[receiver(REFUNDED, dispatch_uid = 7)]
async fn print_receipt(_: &Event<'_, u32>) {}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_uid_on_a_background_signal_is_refused() {
    let error = REFUNDED.asend(Sender::NONE, &1).await.unwrap_err().to_string();
    assert!(error.contains("print_receipt at ") && error.contains("uids.rs:"), "{error}");
    assert!(error.contains("is identified by its `name`: give that instead"), "{error}");
}
