//! Who sends, and who listens to whom.

use crate::{Log, Shop, nobody};
use signalpost_dispatch::{ConnectOptions, Event, Sender, SenderType, Signal};
use std::sync::Arc;

#[test]
fn a_sender_may_be_a_type_an_object_a_label_or_nobody() {
    let (signal, log) = (Signal::<()>::new("tests.senders"), Log::default());
    let seen = log.clone();
    signal.connect(move |event: &Event<()>| seen.add(format!("{:?}", event.sender.as_label())));
    signal.send(Sender::NONE, &()).unwrap();
    signal.send(None::<Sender>, &()).unwrap();
    signal.send("desk", &()).unwrap();
    signal.send(Sender::of::<Shop>(), &()).unwrap();
    signal.send(Sender::object(&Arc::new(Shop)), &()).unwrap();
    assert_eq!(log.take(), ["None", "None", r#"Some("desk")"#, r#"Some("shop.Shop")"#, r#"Some("shop.Shop")"#]);
}

#[test]
fn senders_do_not_cross_talk() {
    #[derive(PartialEq, Eq)]
    struct Garage;
    impl SenderType for Garage {
        const LABEL: &'static str = "shop.Garage";
    }
    let (signal, log) = (Signal::<()>::new("tests.filter"), Log::default());
    signal.connect(log.writer("any"));
    signal.connect_with(ConnectOptions::new().sender(Sender::of::<Shop>()), log.writer("shop"));
    signal.connect_with(ConnectOptions::new().sender(Sender::of::<Garage>()), log.writer("garage"));
    signal.send(Sender::of::<Shop>(), &()).unwrap();
    assert_eq!(log.take(), ["any", "shop"]);
    signal.send(Sender::of::<Garage>(), &()).unwrap();
    assert_eq!(log.take(), ["any", "garage"]);
    signal.send(nobody(), &()).unwrap();
    assert_eq!(log.take(), ["any"]);
    assert!(signal.disconnect_receiver(signal.receivers()[0].receiver.id()));
    assert!(signal.has_listeners(&Sender::of::<Shop>()));
    assert!(!signal.has_listeners(&nobody()));
    assert!(!signal.has_listeners(&Sender::label("shop.Boat")));
}

#[test]
fn objects_that_are_equal_are_not_the_same_sender() {
    let (signal, log) = (Signal::<()>::new("tests.objects"), Log::default());
    let (one, twin) = (Arc::new(Shop), Arc::new(Shop));
    assert_eq!(one, twin);
    signal.connect_with(ConnectOptions::new().sender(Sender::object(&one)), log.writer("one"));
    signal.send(Sender::object(&twin), &()).unwrap();
    signal.send(Sender::of::<Shop>(), &()).unwrap();
    assert!(log.take().is_empty());
    signal.send(Sender::object(&one.clone()), &()).unwrap();
    assert_eq!(log.take(), ["one"]);
}

#[test]
fn an_object_that_took_a_dead_ones_place_is_not_confused_with_it() {
    let (signal, log) = (Signal::<()>::new("tests.reuse"), Log::default());
    let dead = Arc::new(Shop);
    signal.connect_with(ConnectOptions::new().sender(Sender::object(&dead)), log.writer("dead"));
    drop(dead);
    for _ in 0..10_000 {
        signal.send(Sender::object(&Arc::new(Shop)), &()).unwrap();
    }
    assert!(log.take().is_empty());
}

#[test]
fn a_label_can_be_listened_to_before_anything_declares_it() {
    let (signal, log) = (Signal::<()>::new("tests.lazy"), Log::default());
    signal.connect_with(ConnectOptions::new().sender("books.Book"), log.writer("book"));
    struct Book;
    impl SenderType for Book {
        const LABEL: &'static str = "books.Book";
    }
    signal.send(Sender::of::<Book>(), &()).unwrap();
    assert_eq!(log.take(), ["book"]);
}

#[test]
fn labels_of_every_length_find_their_own_receivers() {
    let signal = Signal::<(), usize>::new("tests.lengths");
    let label = |length: usize, last: char| Sender::label(format!("{}{last}", "x".repeat(length)));
    for length in 0..40 {
        signal.connect_with(ConnectOptions::new().sender(label(length, 'x')), move |_: &Event<()>| length);
    }
    for length in 0..40 {
        let responses = signal.send(label(length, 'x'), &()).unwrap();
        assert_eq!(responses.iter().map(|(_, response)| *response).collect::<Vec<_>>(), [length]);
        assert!(signal.send(label(length, 'y'), &()).unwrap().is_empty());
    }
}
