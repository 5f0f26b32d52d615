//! Receivers that change the signal while it is being sent.

use crate::{Log, nobody};
use signalpost_dispatch::{ConnectOptions, Event, Signal};

#[test]
fn disconnecting_during_a_send_is_safe() {
    static SIGNAL: Signal<()> = Signal::new("tests.disconnects");
    static LOG: std::sync::OnceLock<Log> = std::sync::OnceLock::new();
    fn first(_: &Event<()>) {
        LOG.get().unwrap().add("first");
        SIGNAL.disconnect(first);
        SIGNAL.disconnect(second);
    }
    fn second(_: &Event<()>) {
        LOG.get().unwrap().add("second");
    }
    let log = LOG.get_or_init(Log::default);
    SIGNAL.connect(first);
    SIGNAL.connect(second);
    // As in Django, the send under way has its receivers; the next one has what is left.
    SIGNAL.send(nobody(), &()).unwrap();
    assert_eq!(log.take(), ["first", "second"]);
    SIGNAL.send(nobody(), &()).unwrap();
    assert!(log.take().is_empty());
}

#[test]
fn connecting_during_a_send_takes_effect_with_the_next() {
    static SIGNAL: Signal<()> = Signal::new("tests.connects");
    fn late(_: &Event<()>) {}
    fn first(_: &Event<()>) {
        SIGNAL.connect(late);
    }
    SIGNAL.connect(first);
    assert_eq!(SIGNAL.send(nobody(), &()).unwrap().len(), 1);
    assert_eq!(SIGNAL.send(nobody(), &()).unwrap().len(), 2);
}

#[test]
fn a_receiver_may_send_the_same_signal_again() {
    static SIGNAL: Signal<u32, u32> = Signal::new("tests.recursion");
    fn count_down(event: &Event<u32>) -> u32 {
        match event.payload {
            0 => 0,
            n => 1 + SIGNAL.send(nobody(), &(n - 1)).unwrap()[0].1,
        }
    }
    SIGNAL.connect(count_down);
    assert_eq!(SIGNAL.send(nobody(), &100).unwrap()[0].1, 100);
}

#[test]
fn one_receiver_can_serve_several_signals() {
    let (first, second, log) = (Signal::<()>::new("a"), Signal::<()>::new("b"), Log::default());
    for signal in [&first, &second] {
        let log = log.clone();
        signal.connect_with(ConnectOptions::new(), move |event: &Event<()>| log.add(event.signal));
    }
    first.send(nobody(), &()).unwrap();
    second.send(nobody(), &()).unwrap();
    assert_eq!(log.take(), ["a", "b"]);
}
