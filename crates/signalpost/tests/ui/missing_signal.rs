use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver]
fn print(_event: &Event<u32>) {}

#[receiver()]
fn count(_event: &Event<u32>) {}

#[receiver([], background)]
fn mail(_event: &Event<u32>) {}

fn uses() {
    let _ = &PAID;
}

fn main() {}
