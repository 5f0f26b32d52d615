use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver(PAID, background, retries = 3)]
fn print(_event: &Event<u32>) {}

fn main() {}
