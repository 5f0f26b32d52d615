//! Sends between changes: what is connected when a send begins is called, and what is disconnected is dropped.

use crate::nobody;
use proptest::prelude::*;
use signalpost_dispatch::{ConnectOptions, Event, ParkingBridge, Sender, Signal};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

#[derive(Debug, Clone)]
enum Step {
    Connect { owns: bool, sender: usize },
    Disconnect(usize),
    Send(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<bool>(), 0..3_usize).prop_map(|(owns, sender)| Step::Connect { owns, sender }),
        (0..4_usize).prop_map(Step::Disconnect),
        (0..3_usize).prop_map(Step::Send),
    ]
}

proptest! {
    #[test]
    fn a_send_calls_what_is_connected_then(steps in prop::collection::vec(step(), 0..80)) {
        let signal = Signal::<(), usize>::new("tests.steps");
        let senders = [Sender::NONE, Sender::label("a"), Sender::label("b".to_owned())];
        let mut connected = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Connect { owns, sender } => {
                    let (options, owned) = (ConnectOptions::new().sender(senders[sender].clone()), Arc::new(number));
                    let connection = match owns {
                        true => signal.connect_with(options, move |_: &Event<()>| *owned),
                        false => signal.connect_with(options, move |_: &Event<()>| number),
                    };
                    connected.push((number, sender, connection.receiver().id()));
                }
                Step::Disconnect(at) if at < connected.len() => {
                    prop_assert!(signal.disconnect_receiver(connected.remove(at).2));
                }
                Step::Disconnect(_) => {}
                Step::Send(by) => {
                    let heard = connected.iter().filter(|(_, sender, _)| *sender == 0 || *sender == by);
                    let heard: Vec<usize> = heard.map(|(number, ..)| *number).collect();
                    let responses = signal.send(senders[by].clone(), &()).unwrap();
                    prop_assert_eq!(responses.into_iter().map(|(_, number)| number).collect::<Vec<_>>(), heard.clone());
                    prop_assert_eq!(signal.has_listeners(&senders[by]), !heard.is_empty());
                }
            }
        }
    }
}

#[test]
fn what_a_receiver_owns_is_dropped_when_it_is_disconnected() {
    struct Object;
    impl Object {
        fn hear(&self, _: &Event<()>) {}
    }
    let (signal, object) = (Signal::<()>::new("tests.owns"), Arc::new(Object));
    signal.connect(|_: &Event<()>| ());
    signal.send(nobody(), &()).unwrap();
    for _ in 0..10 {
        let (sync, asynchronous) = (object.clone(), object.clone());
        let connections = [
            signal.connect(move |event: &Event<()>| sync.hear(event)),
            signal.connect_async(move |event: &Event<'_, ()>| {
                asynchronous.hear(event);
                async {}
            }),
            signal.connect_weak(ConnectOptions::new(), &object, Object::hear),
        ];
        assert_eq!(signal.send(nobody(), &()).unwrap().len(), 4);
        assert_eq!(signal.send_robust(nobody(), &()).len(), 4);
        assert_eq!(ParkingBridge::run(signal.asend(nobody(), &())).unwrap().len(), 4);
        assert_eq!(Arc::strong_count(&object), 3);
        for connection in connections {
            assert!(connection.disconnect());
        }
        assert_eq!((Arc::strong_count(&object), Arc::weak_count(&object)), (1, 0));
        assert_eq!(signal.send(nobody(), &()).unwrap().len(), 1);
    }
}

#[test]
fn a_send_that_begins_after_a_change_knows_of_it() {
    const RECEIVERS: usize = 8;
    for _ in 0..100 {
        let (signal, connected) = (Signal::<(), usize>::new("tests.begins_after"), AtomicUsize::new(0));
        let send_until_all_hear = || loop {
            let before = connected.load(SeqCst);
            let heard = signal.send(nobody(), &()).unwrap().len();
            assert!(heard >= before, "{heard} of at least {before}");
            if heard == RECEIVERS {
                break;
            }
        };
        thread::scope(|scope| {
            scope.spawn(send_until_all_hear);
            scope.spawn(send_until_all_hear);
            for number in 0..RECEIVERS {
                signal.connect(move |_: &Event<()>| number);
                connected.store(number + 1, SeqCst);
            }
        });
    }
}
