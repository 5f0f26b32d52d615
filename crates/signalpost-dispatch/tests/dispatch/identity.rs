//! Connected twice, called once; and how a receiver is found again.

use crate::{Log, Shop, nobody};
use signalpost_dispatch::{ConnectOptions, DispatchUid, Event, Sender, Signal};
use std::sync::Arc;

fn one(_: &Event<()>) {}
fn other(_: &Event<()>) {}

fn calls(signal: &Signal<()>) -> usize {
    signal.send(nobody(), &()).unwrap().len()
}

#[test]
fn the_same_function_connected_twice_is_called_once() {
    let signal = Signal::<()>::new("tests.twice");
    let first = signal.connect(one).receiver();
    assert_eq!(signal.connect(one).receiver(), first);
    assert_eq!(calls(&signal), 1);
    signal.connect(other);
    assert_eq!(calls(&signal), 2);
    // Another sender is another registration.
    signal.connect_with(ConnectOptions::new().sender(Sender::of::<Shop>()), one);
    assert_eq!(calls(&signal), 2);
    assert_eq!(signal.send(Sender::of::<Shop>(), &()).unwrap().len(), 3);
}

#[test]
fn closures_with_captures_have_no_identity() {
    let (signal, log) = (Signal::<()>::new("tests.closures"), Log::default());
    for _ in 0..3 {
        signal.connect(log.writer("x"));
    }
    assert_eq!(calls(&signal), 3);
}

#[test]
fn a_start_up_hook_that_runs_twice_connects_once() {
    let (signal, log) = (Signal::<()>::new("tests.ready"), Log::default());
    let ready = || {
        signal.connect(one);
        signal.connect_with(ConnectOptions::new().dispatch_uid("closure"), log.writer("x"));
    };
    ready();
    ready();
    assert_eq!(calls(&signal), 2);
}

#[test]
fn a_dispatch_uid_lets_the_first_registration_win() {
    let uids = [
        DispatchUid::new("mail"),
        DispatchUid::new(String::new()),
        DispatchUid::new(0),
        DispatchUid::new(17_u64),
        DispatchUid::new(("mail", 1)),
        DispatchUid::new([1, 2].into_iter().collect::<std::collections::BTreeSet<i32>>()),
    ];
    let (signal, log) = (Signal::<()>::new("tests.uid"), Log::default());
    for (number, uid) in uids.iter().enumerate() {
        let options = ConnectOptions::new().dispatch_uid(uid.clone());
        let first = signal.connect_with(options.clone(), log.writer(&format!("{number} first"))).receiver();
        let second = signal.connect_with(options.clone(), log.writer(&format!("{number} second"))).receiver();
        assert_eq!(first, second);
        // Under another sender the uid is free.
        signal.connect_with(options.sender("elsewhere"), log.writer("elsewhere"));
    }
    signal.send(nobody(), &()).unwrap();
    assert_eq!(log.take(), (0..uids.len()).map(|number| format!("{number} first")).collect::<Vec<_>>());
}

#[test]
fn disconnecting_says_whether_something_was_removed() {
    let signal = Signal::<()>::new("tests.disconnect");
    assert!(!signal.disconnect(one));
    signal.connect(one);
    assert!(signal.disconnect(one));
    assert!(!signal.disconnect(one));

    let from_shop = ConnectOptions::new().sender(Sender::of::<Shop>());
    signal.connect_with(from_shop.clone(), one);
    assert!(!signal.disconnect(one));
    assert!(signal.disconnect_with(from_shop, one));

    let connection = signal.connect(one);
    let id = connection.receiver().id();
    assert!(connection.disconnect());
    assert!(!signal.disconnect_receiver(id));
    assert!(signal.receivers().is_empty());
}

#[test]
fn disconnecting_by_uid_needs_the_same_sender() {
    let signal = Signal::<()>::new("tests.uid");
    let options = ConnectOptions::new().dispatch_uid("mail").sender("shop.Shop");
    signal.connect_with(options.clone(), one);
    assert!(!signal.disconnect(one));
    assert!(!signal.disconnect_uid(ConnectOptions::new().dispatch_uid("mail")));
    assert!(!signal.disconnect_uid(ConnectOptions::new().dispatch_uid("mail").sender("shop.Garage")));
    assert!(!signal.disconnect_uid(ConnectOptions::new().sender("shop.Shop")));
    assert!(signal.disconnect_uid(options.clone()));
    assert!(!signal.disconnect_uid(options.clone()));
    // With a uid the uid decides, whatever function is given.
    signal.connect_with(options.clone(), one);
    assert!(signal.disconnect_with(options, other));
}

#[test]
fn a_scoped_connection_ends_with_its_scope() {
    let signal = Signal::<()>::new("tests.scoped");
    {
        let _connected = signal.connect(one).scoped();
        assert_eq!(calls(&signal), 1);
    }
    assert_eq!(calls(&signal), 0);
    // A plain connection that is dropped stays connected.
    let _ = signal.connect(one);
    assert_eq!(calls(&signal), 1);
}

#[test]
fn a_method_is_the_same_only_with_the_same_object() {
    struct Counter;
    impl Counter {
        fn count(&self, _: &Event<()>) {}
    }
    let signal = Signal::<()>::new("tests.methods");
    let (first, second) = (Arc::new(Counter), Arc::new(Counter));
    for object in [&first, &second, &first] {
        signal.connect_weak(ConnectOptions::new(), object, Counter::count);
    }
    assert_eq!(calls(&signal), 2);
    assert!(signal.disconnect_weak(ConnectOptions::new(), &first, Counter::count));
    assert!(!signal.disconnect_weak(ConnectOptions::new(), &first, Counter::count));
    assert_eq!(calls(&signal), 1);
}
