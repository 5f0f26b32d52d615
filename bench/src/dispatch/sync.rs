//! Strong synchronous receivers of any sender: what most signals have.

use std::hint::black_box;

use signalpost::Response;
use signalpost_dispatch::{Sender, Signal};
use signals2::combiner::VecCombiner;
use signals2::{Connect1, Emit1};

use super::counted;
use super::plain::{Number, Plain, adder, assert_same};
use crate::measure::Measure;
use crate::rounds::{Rounds, repeat};

pub(crate) fn run(rounds: &Rounds) -> Vec<Measure> {
    [0, 1, 10, 100].into_iter().flat_map(|receivers| receive(rounds, receivers)).collect()
}

fn receive(rounds: &Rounds, receivers: Number) -> [Measure; 4] {
    let (signal, facade) = (Signal::<Number, Number>::new("bench"), signalpost::Signal::<Number, Number>::new("bench"));
    // The nearest that it has: a list of the responses, without the receivers that they are from.
    let other: signals2::Signal<(Number,), Number, VecCombiner> = signals2::Signal::new();
    for own in 0..receivers {
        signal.connect(adder(own));
        facade.connect(adder(own));
        other.connect(move |number| number.wrapping_add(own));
    }
    let plain = Plain::of((0..receivers).map(adder));
    assert_same(&signal.send(Sender::NONE, &7).unwrap(), &plain.send(&7, |call, event| call(event)));
    assert_same(&facade.send(Sender::NONE, &7).unwrap(), &plain.send(&7, |call, event| Response::Now(call(event))));

    let [ours, ours_in_facade, others, plainly, plainly_as_facade] = rounds.time([
        &mut repeat(|| black_box(&signal).send(Sender::NONE, black_box(&7))),
        &mut repeat(|| black_box(&facade).send(Sender::NONE, black_box(&7))),
        &mut repeat(|| black_box(&other).emit(*black_box(&7))),
        &mut repeat(|| black_box(&plain).send(black_box(&7), |call, event| call(event))),
        &mut repeat(|| black_box(&plain).send(black_box(&7), |call, event| Response::Now(call(event)))),
    ]);
    let (to, wanted) = (counted(receivers, ""), if receivers == 0 { "under 8" } else { "at most 1.5" });
    [
        Measure::beside(format!("send, {to}: loop"), ours, plainly, "ns", wanted),
        Measure::beside(format!("send, {to}: signals2"), ours, others, "ns", ""),
        Measure::beside(format!("facade send, {to}: loop"), ours_in_facade, plainly_as_facade, "ns", wanted),
        Measure::beside(format!("facade send, {to}: signals2"), ours_in_facade, others, "ns", ""),
    ]
}
