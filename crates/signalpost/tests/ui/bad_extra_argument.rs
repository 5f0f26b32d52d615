use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver(PAID, background)]
fn print(_event: &Event<u32>, _copies: u32) {}

fn main() {}
