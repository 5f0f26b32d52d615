use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver(PAID, queue = "mail")]
fn print(_event: &Event<u32>) {}

#[receiver(PAID, keep_result)]
fn keep(_event: &Event<u32>) {}

fn main() {}
