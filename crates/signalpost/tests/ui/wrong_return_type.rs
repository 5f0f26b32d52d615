use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver(PAID, background)]
fn print(_event: &Event<u32>) -> u32 {
    7
}

#[receiver(PAID)]
fn count(_event: &Event<u32>) -> u32 {
    7
}

fn main() {}
