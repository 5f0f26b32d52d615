use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver(PAID, background, queue)]
fn print(_event: &Event<u32>) {}

#[receiver(PAID, background = true)]
fn count(_event: &Event<u32>) {}

fn main() {}
