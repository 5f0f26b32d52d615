//! Events for some of the receivers.

use crate::{Broken, Log, nobody};
use signalpost_dispatch::{BoxError, Bridge, ConnectOptions, Event, ParkingBridge, Receiver, Sender, Signal};
use std::future::Future;
use std::pin::Pin;

/// Nobody crosses it.
struct Closed;

impl Bridge for Closed {
    fn block_on(&self, _: Pin<Box<dyn Future<Output = ()> + Send + '_>>) -> Result<(), BoxError> {
        Err("the bridge is closed".into())
    }
}

fn named(name: &'static str) -> ConnectOptions {
    ConnectOptions::new().name(name)
}

fn not_muted(receiver: Receiver) -> bool {
    !receiver.name().contains("muted")
}

fn names<T>(responses: &[(Receiver, T)]) -> Vec<&'static str> {
    responses.iter().map(|(receiver, _)| receiver.name()).collect()
}

async fn ignore(_: &Event<'_, u32>) {}

async fn fails(_: &Event<'_, u32>) -> Result<(), Broken> {
    Err(Broken(1))
}

#[test]
fn receivers_that_do_not_pass_are_not_called_and_do_not_respond() {
    let (signal, log) = (Signal::<u32>::new("tests.filter"), Log::default());
    signal.connect_with(named("first"), log.writer("first"));
    signal.connect_with(named("muted"), log.writer("muted"));
    signal.connect_with(named("muted of desk").sender("desk"), log.writer("muted of desk"));
    signal.connect_with(named("of desk").sender("desk"), log.writer("of desk"));
    signal.connect_async_with(named("async"), ignore);
    signal.connect_async_with(named("async muted"), fails);
    let desk = Sender::label("desk");
    let event = Event::new("tests.filter", &desk, &1).with_filter(not_muted);
    let expected = ["first", "of desk", "async"];
    assert_eq!(names(&signal.send_event(&event, &ParkingBridge).unwrap()), expected);
    assert_eq!(names(&signal.send_event_robust(&event, &ParkingBridge)), expected);
    assert_eq!(names(&ParkingBridge::run(signal.asend_event(&event)).unwrap()), expected);
    assert_eq!(names(&ParkingBridge::run(signal.asend_event_robust(&event))), expected);
    assert_eq!(log.take(), ["first", "of desk"].repeat(4));
    // The next send is to all again.
    assert_eq!(names(&signal.send_robust(desk, &1)).len(), 6);
}

#[test]
fn where_no_asynchronous_receiver_passes_the_bridge_is_not_crossed() {
    let signal = Signal::<u32>::new("tests.filter.bridge");
    signal.connect_async_with(named("async muted"), ignore);
    let sender = nobody();
    let event = Event::new("tests.filter.bridge", &sender, &1);
    signal.send_event(&event, &Closed).unwrap_err();
    let filtered = event.with_filter(not_muted);
    assert!(signal.send_event(&filtered, &Closed).unwrap().is_empty());
    assert!(signal.send_event_robust(&filtered, &Closed).is_empty());
}
