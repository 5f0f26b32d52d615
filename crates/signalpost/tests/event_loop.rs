//! The guard of the runtime's threads, in a process of its own: it is one for all.

mod common;

use std::thread::sleep;
use std::time::Duration;

use signalpost::{ConnectOptions, Event, Sender, Signal, event_loop};

static SENT: Signal<u32> = Signal::new("tests.event_loop.sent");

#[tokio::test]
async fn a_synchronous_receiver_that_holds_up_the_runtime_is_named() {
    let warnings = common::Warnings::listen();
    let name = |name| ConnectOptions::new().name(name);
    // What the guard is about is time that passes.
    SENT.connect_with(name("tests.slow"), |event: &Event<u32>| sleep(Duration::from_millis(u64::from(*event.payload))));
    SENT.connect_with(name("tests.quick"), |_: &Event<u32>| {});

    SENT.asend(Sender::NONE, &20).await.unwrap();
    assert_eq!(warnings.take(), [""; 0], "it is off until it is asked for");

    event_loop::guard(Duration::from_millis(10));
    SENT.asend(Sender::NONE, &20).await.unwrap();
    SENT.asend_robust(Sender::NONE, &20).await;
    let warned = warnings.take();
    assert_eq!(warned.len(), 2, "{warned:#?}");
    for warning in warned {
        for part in ["a synchronous receiver has held a thread of the runtime", "tests.event_loop.sent", "tests.slow"] {
            assert!(warning.contains(part), "{warning}");
        }
    }

    // Far beyond what a loaded machine adds to nothing.
    event_loop::guard(Duration::from_secs(60));
    SENT.asend(Sender::NONE, &0).await.unwrap();
    event_loop::guard(Duration::ZERO);
    SENT.asend(Sender::NONE, &20).await.unwrap();
    assert_eq!(warnings.take(), [""; 0]);
}
