use signalpost::{Event, receiver};

#[receiver(background)]
fn print(_event: &Event<u32>) {}

fn main() {}
