use signalpost::{Event, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

struct Printer;

impl Printer {
    #[receiver(PAID)]
    fn print(&self, _event: &Event<u32>) {}
}

fn main() {
    let _ = (&PAID, Printer);
}
