//! Who runs when, on which thread, with what.

use crate::{Log, Shop, nobody};
use proptest::prelude::*;
use signalpost_dispatch::{ConnectOptions, Event, ParkingBridge, Sender, Signal};
use std::thread;

#[test]
fn a_signal_needs_a_name_and_nothing_else() {
    static SIGNAL: Signal<u32> = Signal::new("tests.plain");
    fn receive(_: &Event<u32>) {}
    assert_eq!(SIGNAL.name(), "tests.plain");
    let connection = SIGNAL.connect(receive);
    assert_eq!(SIGNAL.send(nobody(), &1).unwrap().len(), 1);
    assert!(connection.disconnect());
    assert!(SIGNAL.send(nobody(), &1).unwrap().is_empty());
}

#[test]
fn sync_receivers_run_in_order_of_connection() {
    let (signal, log) = (Signal::<()>::new("tests.order"), Log::default());
    // Shuffled, so that neither the numbers nor their addresses give the order away.
    let numbers: Vec<u32> = (0..50).map(|n| n * 37 % 50).collect();
    for number in &numbers {
        signal.connect(log.writer(&number.to_string()));
    }
    signal.send(nobody(), &()).unwrap();
    assert_eq!(log.take(), numbers.iter().map(u32::to_string).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn order_holds_whatever_is_filtered_and_disconnected(
        receivers in prop::collection::vec((0..3_u8, any::<bool>()), 0..40),
        sender in 0..3_u8,
    ) {
        let (signal, log) = (Signal::<()>::new("tests.order"), Log::default());
        let labels = [None, Some("a"), Some("b")];
        let mut expected = Vec::new();
        for (number, (filter, stays)) in receivers.iter().enumerate() {
            let options = ConnectOptions::new().sender(labels[usize::from(*filter)]);
            let connection = signal.connect_with(options, log.writer(&number.to_string()));
            if !stays {
                prop_assert!(connection.disconnect());
            } else if *filter == 0 || *filter == sender {
                expected.push(number.to_string());
            }
        }
        let responses = signal.send(labels[usize::from(sender)], &()).unwrap();
        prop_assert_eq!(responses.len(), expected.len());
        prop_assert_eq!(log.take(), expected);
        prop_assert_eq!(signal.has_listeners(&labels[usize::from(sender)].into()), !responses.is_empty());
    }
}

#[test]
fn a_sync_send_runs_receivers_on_the_callers_thread_before_it_returns() {
    let (signal, log) = (Signal::<()>::new("tests.thread"), Log::default());
    let caller = thread::current().id();
    for name in ["A", "B"] {
        let log = log.clone();
        signal.connect(move |_: &Event<()>| {
            assert_eq!(thread::current().id(), caller);
            log.add(name);
        });
    }
    signal.send(nobody(), &()).unwrap();
    log.add("control");
    assert_eq!(log.take(), ["A", "B", "control"]);
}

#[test]
fn a_receiver_is_given_the_signal_the_sender_and_the_payload() {
    let (signal, log) = (Signal::<(u32, &'static str)>::new("tests.event"), Log::default());
    let seen = log.clone();
    signal.connect(move |event: &Event<(u32, &'static str)>| {
        seen.add(format!("{} {:?} {:?}", event.signal, event.sender.as_label(), event.payload));
    });
    signal.send(Sender::of::<Shop>(), &(7, "seven")).unwrap();
    assert_eq!(log.take(), [r#"tests.event Some("shop.Shop") (7, "seven")"#]);
}

#[test]
fn an_event_can_carry_a_context_for_the_layer_above() {
    let (signal, log) = (Signal::<()>::new("tests.context"), Log::default());
    let seen = log.clone();
    signal.connect(move |event: &Event<()>| seen.add(format!("{:?}", event.context::<u64>())));
    let context: u64 = 9;
    signal.send_event(&Event::new("x", &nobody(), &()).with_context(&context), &ParkingBridge).unwrap();
    signal.send(nobody(), &()).unwrap();
    assert_eq!(log.take(), ["Some(9)", "None"]);
}

#[test]
fn all_sends_return_the_receivers_with_their_responses() {
    let signal = Signal::<u32, u32>::new("tests.responses");
    assert!(signal.send(nobody(), &1).unwrap().is_empty());
    assert!(signal.send_robust(nobody(), &1).is_empty());
    assert!(ParkingBridge::run(signal.asend(nobody(), &1)).unwrap().is_empty());
    assert!(ParkingBridge::run(signal.asend_robust(nobody(), &1)).is_empty());

    let one = signal.connect(|event: &Event<u32>| event.payload + 1).receiver();
    let two = signal.connect(|event: &Event<u32>| event.payload + 2).receiver();
    let expected = vec![(one, 2), (two, 3)];
    assert_eq!(signal.send(nobody(), &1).unwrap(), expected);
    assert_eq!(ParkingBridge::run(signal.asend(nobody(), &1)).unwrap(), expected);
    let collected = |responses: Vec<(_, Result<u32, _>)>| -> Vec<_> {
        responses.into_iter().map(|(receiver, response)| (receiver, response.unwrap())).collect()
    };
    assert_eq!(collected(signal.send_robust(nobody(), &1)), expected);
    assert_eq!(collected(ParkingBridge::run(signal.asend_robust(nobody(), &1))), expected);
}

#[test]
fn every_kind_of_callable_can_receive() {
    let signal = Signal::<u32, u32>::new("tests.callables");
    fn function(event: &Event<u32>) -> u32 {
        *event.payload
    }
    struct Adder(u32);
    impl Adder {
        fn add(&self, event: &Event<u32>) -> u32 {
            event.payload + self.0
        }
    }
    let object = std::sync::Arc::new(Adder(10));
    let captured = 100;
    signal.connect(function);
    signal.connect(function as fn(&Event<u32>) -> u32);
    signal.connect_weak(ConnectOptions::new(), &object, Adder::add);
    let held = object.clone();
    signal.connect(move |event: &Event<u32>| held.add(event) + captured);
    signal.connect(Box::new(|event: &Event<u32>| event.payload * 2));
    let responses: Vec<u32> = signal.send(nobody(), &1).unwrap().into_iter().map(|(_, response)| response).collect();
    assert_eq!(responses, [1, 1, 11, 111, 2]);
    for (receiver, response) in signal.send_robust(nobody(), &1) {
        assert!(!receiver.name().is_empty());
        assert!(response.is_ok());
    }
}

#[test]
fn what_is_connected_can_be_listed_with_its_source_location() {
    let signal = Signal::<()>::new("tests.listing");
    fn first(_: &Event<()>) {}
    async fn second(_: &Event<'_, ()>) {}
    let line = line!() + 1;
    signal.connect_with(ConnectOptions::new().sender("shop.Shop").dispatch_uid(7), first);
    signal.connect_async_with(ConnectOptions::new().name("the second"), second);
    let listed = signal.receivers();
    assert_eq!(listed.len(), 2);
    assert!(listed[0].receiver.name().ends_with("::first"), "{}", listed[0].receiver.name());
    assert_eq!(listed[0].receiver.location().line(), line);
    assert!(listed[0].receiver.location().file().ends_with("order.rs"));
    assert_eq!(listed[0].sender, Sender::of::<Shop>());
    assert_eq!(format!("{:?}", listed[0].dispatch_uid.as_ref().unwrap()), "7");
    assert!(!listed[0].is_async && !listed[0].is_weak);
    assert_eq!(listed[1].receiver.name(), "the second");
    assert!(listed[1].is_async);
    assert!(listed[1].sender.is_none());
}
