//! Two threads that send the same signal at once.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use signalpost_dispatch::{Sender, Signal};
use signals2::combiner::VecCombiner;
use signals2::{Connect1, Emit1};

use super::plain::{Number, Plain, adder};
use crate::measure::{Measure, median};
use crate::rounds::{Rounds, repeat};

const RECEIVERS: Number = 10;

pub(crate) fn run(rounds: &Rounds) -> Vec<Measure> {
    // Long enough that it does not matter when exactly the second thread begins.
    let rounds = &Rounds { rounds: rounds.rounds / 12, turn: Duration::from_millis(10) };
    let (signal, facade) = (Signal::<Number, Number>::new("bench"), signalpost::Signal::<Number, Number>::new("bench"));
    let other: signals2::Signal<(Number,), Number, VecCombiner> = signals2::Signal::new();
    for own in 0..RECEIVERS {
        signal.connect(adder(own));
        facade.connect(adder(own));
        other.connect(move |number| number.wrapping_add(own));
    }
    let plain = Plain::of((0..RECEIVERS).map(adder));
    let ours = gain(rounds, |calls| repeat(|| black_box(&signal).send(Sender::NONE, black_box(&7)))(calls));
    let ours_in_facade = gain(rounds, |calls| repeat(|| black_box(&facade).send(Sender::NONE, black_box(&7)))(calls));
    let plainly = gain(rounds, |calls| {
        repeat(|| black_box(&plain).send(black_box(&7), |call, event| call(event)))(calls);
    });
    let others = gain(rounds, |calls| repeat(|| black_box(&other).emit(*black_box(&7)))(calls));
    vec![
        Measure::alone("two threads for one, send, 10 receivers", ours, "times", "at least 1.8"),
        Measure::alone("two threads for one, facade send, 10 receivers", ours_in_facade, "times", "at least 1.8"),
        Measure::alone("two threads for one, loop over 10", plainly, "times", ""),
        Measure::alone("two threads for one, signals2, 10 receivers", others, "times", ""),
    ]
}

/// How many times the throughput of one thread two threads have.
fn gain(rounds: &Rounds, side: impl Fn(u64) + Sync) -> f64 {
    let calls = rounds.calls(&mut |calls| side(calls));
    let round = |_| 2.0 * time(1, calls, &side) / time(2, calls, &side);
    median(&mut (0..rounds.rounds).map(round).collect::<Vec<_>>())
}

/// Seconds from the first thread's beginning to the last one's end.
fn time(threads: usize, calls: u64, side: &(impl Fn(u64) + Sync)) -> f64 {
    let together = Barrier::new(threads);
    let turn = || {
        together.wait();
        let begun = Instant::now();
        side(calls);
        (begun, Instant::now())
    };
    let turns: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(turn)).collect();
        running.into_iter().map(|thread| thread.join().expect("a side panicked")).collect()
    });
    let begun = turns.iter().map(|turn| turn.0).min();
    let ended = turns.iter().map(|turn| turn.1).max();
    begun.zip(ended).map_or(0.0, |(begun, ended)| (ended - begun).as_secs_f64())
}
