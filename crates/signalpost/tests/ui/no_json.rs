use signalpost::{Event, Signal, receiver};

struct Handle;

static OPENED: Signal<Handle> = Signal::new("ui.opened");

#[receiver(OPENED, background)]
fn print(_event: &Event<Handle>) {}

fn main() {}
