//! Two signals of one name would run each other's receivers.

use signalpost::{AsyncSignal, Event, receiver};

static SHOP_PAID: AsyncSignal<i64> = AsyncSignal::new("paid");
static RENT_PAID: AsyncSignal<i64> = AsyncSignal::new("paid");

#[receiver(SHOP_PAID)]
fn ship(_event: &Event<i64>) {}

#[receiver(RENT_PAID)]
fn thank(_event: &Event<i64>) {}

#[test]
fn two_signals_of_one_name_are_an_error_at_the_start() {
    let error = signalpost::signals().unwrap_err().to_string();
    assert!(error.starts_with("two signals are named `paid`") && error.contains("hint: "), "{error}");
}
