//! How long things take that take turns.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::measure::median;

/// Rounds in which every side has its turn, so that whatever slows the machine for a while slows them all.
pub(crate) struct Rounds {
    /// How many.
    pub(crate) rounds: usize,
    /// How long one turn is to take.
    pub(crate) turn: Duration,
}

impl Rounds {
    /// Fewer ones if it is to be quick.
    pub(crate) fn new(quick: bool) -> Self {
        // Short turns: what else the machine does falls on few of them, and the median does not see it.
        Self { rounds: if quick { 250 } else { 2_000 }, turn: Duration::from_micros(250) }
    }

    /// Nanoseconds per call of each side: the median of the rounds. A side is told how often it is to call.
    pub(crate) fn time<const N: usize>(&self, sides: [&mut dyn FnMut(u64); N]) -> [f64; N] {
        let mut sides = sides.map(|side| (self.calls(side), side, Vec::with_capacity(self.rounds)));
        for _ in 0..self.rounds {
            for (calls, side, times) in &mut sides {
                let begun = Instant::now();
                side(*calls);
                times.push(begun.elapsed().as_secs_f64() * 1e9 / *calls as f64);
            }
        }
        sides.map(|(_, _, mut times)| median(&mut times))
    }

    /// How many calls take one turn. Asking warms up, too.
    pub(crate) fn calls(&self, side: &mut dyn FnMut(u64)) -> u64 {
        let mut calls = 64;
        loop {
            let begun = Instant::now();
            side(calls);
            let taken = begun.elapsed();
            if taken * 4 >= self.turn {
                return (calls as f64 * self.turn.div_duration_f64(taken)) as u64 + 1;
            }
            calls *= 2;
        }
    }
}

/// A side that does one thing over and over, and keeps the compiler from seeing that nobody needs it.
pub(crate) fn repeat<T>(mut call: impl FnMut() -> T) -> impl FnMut(u64) {
    move |calls| {
        for _ in 0..calls {
            // By reference: moved, the two halves of a fat value are read as one before they have been stored, and that
            // stall would be most of what an empty list costs.
            black_box(&call());
        }
    }
}
