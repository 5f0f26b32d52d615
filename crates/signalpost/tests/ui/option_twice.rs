use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver(PAID, name = "print", name = "count")]
fn print(_event: &Event<u32>) {}

fn main() {}
