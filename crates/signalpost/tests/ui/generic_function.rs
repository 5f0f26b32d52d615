use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver(PAID)]
fn print<P>(_event: &Event<P>) {}

fn main() {}
