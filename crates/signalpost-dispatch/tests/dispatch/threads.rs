//! One signal, many threads.

use crate::nobody;
use signalpost_dispatch::{ConnectOptions, Event, Signal};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

#[test]
fn sends_see_whole_registrations_while_others_connect_and_disconnect() {
    static SIGNAL: Signal<(), usize> = Signal::new("tests.threads");
    let stop = AtomicBool::new(false);
    let sent = AtomicUsize::new(0);
    SIGNAL.connect(|_: &Event<()>| 0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    let responses = SIGNAL.send(nobody(), &()).unwrap();
                    // The steady one is always first, and the comers keep their order.
                    assert!(responses.windows(2).all(|pair| pair[0].0.id() < pair[1].0.id()));
                    assert_eq!(responses[0].1, 0);
                    sent.fetch_add(1, SeqCst);
                }
            });
        }
        for round in 1..=300 {
            let options = ConnectOptions::new().dispatch_uid(round);
            let comer = SIGNAL.connect_with(options, move |_: &Event<()>| round);
            let before = sent.load(SeqCst);
            while sent.load(SeqCst) < before + 3 {
                thread::yield_now();
            }
            assert!(comer.disconnect());
        }
        stop.store(true, SeqCst);
    });
    assert_eq!(SIGNAL.send(nobody(), &()).unwrap().len(), 1);
}

#[test]
fn ten_thousand_receivers_and_nobody_is_forgotten() {
    let signal = Signal::<(), usize>::new("tests.many");
    let mut connections = Vec::new();
    for number in 0..10_000 {
        connections.push(signal.connect(move |_: &Event<()>| number));
    }
    let responses = signal.send(nobody(), &()).unwrap();
    assert!(responses.iter().map(|r| r.1).eq(0..10_000));
    let left = connections.split_off(9_990);
    for connection in connections {
        assert!(connection.disconnect());
    }
    assert_eq!(signal.send(nobody(), &()).unwrap().len(), left.len());
}
