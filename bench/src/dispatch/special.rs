//! Receivers and sends out of the ordinary: held weakly, with data to be dropped, robust.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use signalpost_dispatch::{ConnectOptions, Event, ReceiverError, Sender, Signal};

use super::counted;
use super::plain::{Number, Plain, adder, assert_same};
use crate::measure::Measure;
use crate::rounds::{Rounds, repeat};

pub(crate) fn run(rounds: &Rounds) -> Vec<Measure> {
    let each = |receivers| [weak(rounds, receivers), dropped(rounds, receivers), robust(rounds, receivers)];
    [1, 10].into_iter().flat_map(each).collect()
}

struct Adder(Number);

impl Adder {
    fn add(&self, event: &Event<'_, Number>) -> Number {
        event.payload.wrapping_add(self.0)
    }
}

fn weak(rounds: &Rounds, receivers: Number) -> Measure {
    let signal = Signal::<Number, Number>::new("bench");
    let objects: Vec<_> = (0..receivers).map(|own| Arc::new(Adder(own))).collect();
    for object in &objects {
        signal.connect_weak(ConnectOptions::new(), object, Adder::add);
    }
    let plain = Plain::of(objects.iter().map(|object| {
        let object = Arc::downgrade(object);
        move |event: &Event<'_, Number>| object.upgrade().map_or(0, |object| object.add(event))
    }));
    assert_same(&signal.send(Sender::NONE, &7).unwrap(), &plain.send(&7, |call, event| call(event)));
    let [ours, plainly] = rounds.time([
        &mut repeat(|| black_box(&signal).send(Sender::NONE, black_box(&7))),
        &mut repeat(|| black_box(&plain).send(black_box(&7), |call, event| call(event))),
    ]);
    Measure::beside(format!("send, {}: loop", counted(receivers, "weak ")), ours, plainly, "ns", "")
}

/// Closures that own something which is dropped with them.
fn dropped(rounds: &Rounds, receivers: Number) -> Measure {
    let signal = Signal::<Number, Number>::new("bench");
    let owner = |own| {
        let own = Arc::new(own);
        move |event: &Event<'_, Number>| event.payload.wrapping_add(*own)
    };
    for own in 0..receivers {
        signal.connect(owner(own));
    }
    let plain = Plain::of((0..receivers).map(owner));
    assert_same(&signal.send(Sender::NONE, &7).unwrap(), &plain.send(&7, |call, event| call(event)));
    let [ours, plainly] = rounds.time([
        &mut repeat(|| black_box(&signal).send(Sender::NONE, black_box(&7))),
        &mut repeat(|| black_box(&plain).send(black_box(&7), |call, event| call(event))),
    ]);
    Measure::beside(format!("send, {}, owning an Arc: loop", counted(receivers, "")), ours, plainly, "ns", "")
}

fn robust(rounds: &Rounds, receivers: Number) -> Measure {
    let signal = Signal::<Number, Number>::new("bench");
    for own in 0..receivers {
        signal.connect(adder(own));
    }
    let plain = Plain::of((0..receivers).map(adder));
    let [ours, plainly] = rounds.time([
        &mut repeat(|| black_box(&signal).send_robust(Sender::NONE, black_box(&7))),
        &mut repeat(|| {
            black_box(&plain).send(black_box(&7), |call, event| {
                catch_unwind(AssertUnwindSafe(|| call(event))).map_err(ReceiverError::panicked)
            })
        }),
    ]);
    Measure::beside(format!("send_robust, {}: loop that catches", counted(receivers, "")), ours, plainly, "ns", "")
}
