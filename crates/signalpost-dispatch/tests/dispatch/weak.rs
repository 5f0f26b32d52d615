//! Receivers that vanish with their object.

use crate::{Log, nobody};
use signalpost_dispatch::{ConnectOptions, Event, ParkingBridge, Sender, Signal};
use std::sync::{Arc, Mutex};

struct Listener(Log);

impl Listener {
    fn hear(&self, _: &Event<()>) {
        self.0.add("heard");
    }

    async fn hear_async(&self, _: &Event<'_, ()>) {
        self.0.add("heard async");
    }
}

#[test]
fn a_weak_receiver_vanishes_with_its_object() {
    let (signal, log) = (Signal::<()>::new("tests.weak"), Log::default());
    let listener = Arc::new(Listener(log.clone()));
    let weak = signal.connect_weak(ConnectOptions::new(), &listener, Listener::hear).receiver();
    signal.connect_weak_async(ConnectOptions::new().dispatch_uid("async"), &listener, Listener::hear_async);
    assert!(signal.receivers().iter().all(|info| info.is_weak));
    assert_eq!(signal.send(nobody(), &()).unwrap()[0].0, weak);
    ParkingBridge::run(signal.asend(nobody(), &())).unwrap();
    assert_eq!(log.take(), ["heard", "heard async", "heard", "heard async"]);
    drop(listener);
    assert!(!signal.has_listeners(&Sender::NONE));
    assert!(signal.receivers().is_empty());
    assert!(signal.send(nobody(), &()).unwrap().is_empty());
    assert!(signal.send_robust(nobody(), &()).is_empty());
    assert!(log.take().is_empty());
}

#[test]
fn a_strong_receiver_keeps_its_object() {
    let (signal, log) = (Signal::<()>::new("tests.strong"), Log::default());
    let listener = Arc::new(Listener(log.clone()));
    let held = listener.clone();
    signal.connect(move |event: &Event<()>| held.hear(event));
    drop(listener);
    signal.send(nobody(), &()).unwrap();
    assert_eq!(log.take(), ["heard"]);
}

#[test]
fn a_dead_receiver_can_be_connected_anew_under_its_uid() {
    let (signal, log) = (Signal::<()>::new("tests.reconnect"), Log::default());
    let options = ConnectOptions::new().dispatch_uid("listener");
    for _ in 0..3 {
        let listener = Arc::new(Listener(log.clone()));
        signal.connect_weak(options.clone(), &listener, Listener::hear);
        signal.send(nobody(), &()).unwrap();
        assert_eq!(log.take(), ["heard"]);
    }
}

#[test]
fn an_object_that_goes_during_a_send_is_not_called_afterwards() {
    let (signal, log) = (Signal::<()>::new("tests.goes"), Log::default());
    let listener = Arc::new(Mutex::new(Some(Arc::new(Listener(log.clone())))));
    let object = listener.lock().unwrap().clone().unwrap();
    signal.connect(move |_: &Event<()>| drop(listener.lock().unwrap().take()));
    signal.connect_weak(ConnectOptions::new(), &object, Listener::hear);
    drop(object);
    assert_eq!(signal.send(nobody(), &()).unwrap().len(), 1);
    assert!(log.take().is_empty());
}

#[test]
fn a_receiver_that_disconnects_in_its_own_drop_does_not_lock_up() {
    struct SendsOnDrop(&'static Signal<()>);
    impl Drop for SendsOnDrop {
        fn drop(&mut self) {
            self.0.connect(|_: &Event<()>| ());
            self.0.send(nobody(), &()).unwrap();
        }
    }
    static SIGNAL: Signal<()> = Signal::new("tests.drops");
    let guard = SendsOnDrop(&SIGNAL);
    let connection = SIGNAL.connect(move |_: &Event<()>| {
        let _whole = &guard;
    });
    assert!(connection.disconnect());
    assert_eq!(SIGNAL.send(nobody(), &()).unwrap().len(), 1);
}
