use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver(PAID, background, dispatch_uid = 7)]
fn print(_event: &Event<u32>) {}

fn main() {}
