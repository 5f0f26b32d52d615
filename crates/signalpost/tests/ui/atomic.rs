use signalpost::{BoxError, Event, RunningTask, Signal, receiver};

static PAID: Signal<u32> = Signal::new("ui.paid");

#[receiver(PAID, atomic)]
async fn inline(_event: &Event<'_, u32>) {}

#[receiver(PAID, background, atomic, keep_result)]
async fn kept(_event: Event<'_, u32>, _task: RunningTask) -> Result<u32, BoxError> {
    Ok(1)
}

#[receiver(PAID, background, atomic)]
fn blocking(_event: &Event<u32>) {}

fn main() {}
