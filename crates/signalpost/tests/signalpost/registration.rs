//! What is registered, in which order, and what cannot be.

use crate::{Bench, Log, Shop, named};
use signalpost::{
    BackgroundOptions, ConnectOptions, ConnectedReceiver, DispatchUid, Event, ReceiverKind, Sender, Signal, receiver,
    signals,
};
use std::sync::Arc;

static ARRIVED: Signal<u32, &'static str> = Signal::new("tests.registration.arrived");

mod north {
    use super::*;

    #[receiver(ARRIVED)]
    pub(super) fn plain(_: &Event<u32>) -> &'static str {
        "north, plain"
    }

    #[receiver(ARRIVED, order = -1)]
    pub(super) fn early(_: &Event<u32>) -> &'static str {
        "north, early"
    }
}

mod east {
    use super::*;

    #[receiver(ARRIVED, order = 1, name = "late")]
    pub(super) fn late(_: &Event<u32>) -> &'static str {
        "east, late"
    }

    #[receiver(ARRIVED)]
    pub(super) fn upper(_: &Event<u32>) -> &'static str {
        "east, upper"
    }

    #[receiver(ARRIVED)]
    pub(super) fn lower(_: &Event<u32>) -> &'static str {
        "east, lower"
    }
}

#[test]
fn declared_receivers_run_by_their_order_then_module_then_line() {
    let responses = ARRIVED.send(Sender::NONE, &1).unwrap();
    let said: Vec<_> = responses.iter().filter_map(|(_, response)| response.now().copied()).collect();
    assert_eq!(said, ["north, early", "east, upper", "east, lower", "north, plain", "east, late"]);
    let names: Vec<_> = responses.iter().map(|(receiver, _)| receiver.name()).collect();
    assert!(names[1].ends_with("::registration::east::upper"), "{names:?}");
    assert_eq!(names[4], "late");
}

#[test]
fn everything_declared_is_listed_with_its_place() {
    let listed = signals().unwrap();
    let arrived = listed.iter().find(|signal| signal.name == ARRIVED.name()).unwrap();
    assert_eq!(arrived.receivers.len(), 5);
    assert!(arrived.receivers.iter().all(|receiver| receiver.receiver.location().file().ends_with("registration.rs")));
    assert!(listed.is_sorted_by_key(|signal| signal.name));
}

#[test]
fn two_receivers_of_one_name_are_an_error_that_names_both_places() {
    let (one, other) = (Signal::<u32>::new("tests.registration.one"), Signal::<u32>::new("tests.registration.other"));
    let first = one.connect_background_blocking(named("tests.registration.name"), |_: &Event<u32>| ()).unwrap();
    let line = line!() + 1;
    let error = other.connect_background_blocking(named("tests.registration.name"), |_: &Event<u32>| ()).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("two receivers are named `tests.registration.name`: at "), "{text}");
    assert!(text.contains(&first.location().to_string()), "{text}");
    assert!(text.contains(&format!("registration.rs:{line}:")), "{text}");
    assert!(text.contains("hint: give one of them another name"), "{text}");
    assert!(other.receivers().is_empty() && one.receivers().len() == 1);
}

#[test]
fn a_name_is_free_again_when_its_receiver_is_disconnected() {
    let signal = Signal::<u32>::new("tests.registration.again");
    signal.connect_background_blocking(named("tests.registration.again"), |_: &Event<u32>| ()).unwrap();
    assert!(signal.disconnect_background("tests.registration.again"));
    assert!(!signal.has_listeners(&Sender::NONE));
    signal.connect_background_blocking(named("tests.registration.again"), |_: &Event<u32>| ()).unwrap();
    assert!(signal.has_listeners(&Sender::NONE));
}

#[test]
fn options_that_cannot_be_are_refused_with_the_place_and_what_would() {
    fn refused(options: BackgroundOptions) -> String {
        let signal = Signal::<u32>::new("tests.registration.refused");
        let text = signal.connect_background_blocking(options, |_: &Event<u32>| ()).unwrap_err().to_string();
        assert!(text.contains("registration.rs:") && signal.receivers().is_empty(), "{text}");
        text
    }
    let plain = || named("tests.registration.refused");
    assert!(refused(plain().priority(101)).contains("has priority 101; it must lie between -100 and 100"));
    assert!(refused(plain().max_attempts(0)).contains("would never run: give at least 1"));
    assert!(refused(plain().sender(Sender::object(&Arc::new(Shop)))).contains("limited to one object"));
    assert!(refused(plain().queue("")).ends_with("cannot be: the name of the queue is empty"));
    assert!(refused(plain().queue("ma\nil")).contains("the name of the queue holds a control character"));
    let long: &'static str = "x".repeat(201).leak();
    for (name, problem) in [
        ("", "the name of the receiver is empty"),
        ("*", "needs another name: `*` stands for all receivers"),
        ("a\nb", "the name of the receiver holds a control character"),
        (long, "the name of the receiver has 201 bytes; 200 are allowed"),
    ] {
        assert!(refused(named(name)).contains(problem));
    }
    assert!(refused(plain().aliases(&["fine", "a\nb"])).contains("the name of the alias holds a control character"));
    assert!(refused(plain().aliases(&["*"])).contains("needs another name: `*` stands for"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_named_by_its_path_unless_it_is_given_a_name() {
    async fn nameless(_: &Event<'_, u32>) {}
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.registration.path"));
    let receiver = signal.connect_background(BackgroundOptions::new(), nameless).unwrap();
    assert!(receiver.name().ends_with("::nameless"), "{receiver}");
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    assert_eq!(bench.tasks().await[0].receiver, receiver.name());
}

#[test]
fn a_signal_lists_its_receivers_and_how_they_are_connected() {
    let (signal, log) = (Signal::<u32>::new("tests.registration.kinds"), Log::default());
    let options = named("tests.registration.kinds").queue("mail").sender(Sender::of::<Shop>());
    signal.connect_background_blocking(options, |_: &Event<u32>| ()).unwrap();
    signal.connect(log.writer("inline"));
    signal.connect_async(|_: &Event<u32>| std::future::ready(()));
    let kinds: Vec<ReceiverKind> = signal.receivers().iter().map(|ConnectedReceiver { kind, .. }| *kind).collect();
    assert_eq!(
        kinds,
        [
            ReceiverKind::Inline { is_async: false, is_weak: false },
            ReceiverKind::Inline { is_async: true, is_weak: false },
            ReceiverKind::Background { queue: "mail", is_blocking: true },
        ]
    );
    assert_eq!(signal.receivers()[2].sender, Sender::of::<Shop>());
}

#[test]
fn a_receiver_that_is_listed_can_be_disconnected() {
    let (signal, log) = (Signal::<u32>::new("tests.registration.listed"), Log::default());
    signal.connect_with(ConnectOptions::new().dispatch_uid("first"), log.writer("first"));
    signal.connect(log.writer("second"));
    let listed = signal.receivers();
    assert!(listed[0].dispatch_uid == Some(DispatchUid::new("first")) && listed[1].dispatch_uid.is_none());
    assert!(signal.disconnect_receiver(listed[0].receiver.id()));
    signal.send(Sender::NONE, &1).unwrap();
    assert_eq!(log.take(), ["second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_publish_what_is_registered() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.registration.published"));
    let options = named("tests.registration.published").queue("mail");
    signal.connect_background_blocking(options, |_: &Event<u32>| ()).unwrap();
    let published = async {
        loop {
            let found = bench.store.published_receivers(std::time::Duration::from_secs(60)).await.unwrap();
            match found.into_iter().find(|receiver| receiver.name == "tests.registration.published") {
                Some(receiver) => return receiver,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let (told, mut tells) = tokio::sync::mpsc::channel(1);
    bench.worker().run_until(async { told.send(published.await).await.unwrap() }).await.unwrap();
    let receiver = tells.recv().await.unwrap();
    assert_eq!((&*receiver.signal, &*receiver.queue), ("tests.registration.published", "mail"));
}

#[test]
fn disconnecting_one_background_receiver_leaves_the_others() {
    let signal = Signal::<u32>::new("tests.registration.leaves");
    let names = ["tests.registration.leaves.any", "tests.registration.leaves.sender", "tests.registration.leaves.gone"];
    let senders = [None, Some("shop.Shop"), None];
    for (name, sender) in names.into_iter().zip(senders) {
        signal.connect_background_blocking(named(name).sender(sender), |_: &Event<u32>| ()).unwrap();
    }
    assert!(signal.disconnect_background(names[2]));
    assert!(!signal.disconnect_background(names[2]));
    let left: Vec<_> = signal.receivers().iter().map(|connected| connected.receiver.name()).collect();
    assert_eq!(left, names[..2]);
}
