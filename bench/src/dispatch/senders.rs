//! Receivers that are limited to one sender.

use std::hint::black_box;

use signalpost_dispatch::{ConnectOptions, Sender, SenderType, Signal};

use super::plain::{Number, adder};
use crate::measure::Measure;
use crate::rounds::{Rounds, repeat};

struct Article;

impl SenderType for Article {
    const LABEL: &'static str = "bench.Article42";
}

pub(crate) fn run(rounds: &Rounds) -> Vec<Measure> {
    let (many, one) = (Signal::<Number, Number>::new("bench"), Signal::<Number, Number>::new("bench"));
    let (many_in_facade, one_in_facade) =
        (signalpost::Signal::<Number, Number>::new("bench"), signalpost::Signal::<Number, Number>::new("bench"));
    for own in 0..100 {
        // Not the text of the send's label at the same place in memory, but an equal one.
        let options = ConnectOptions::new().sender(Sender::label(format!("bench.Article{own}")));
        many.connect_with(options.clone(), adder(own));
        many_in_facade.connect_with(options, adder(own));
    }
    one.connect(adder(42));
    one_in_facade.connect(adder(42));
    assert_eq!(many.send(Sender::of::<Article>(), &7).unwrap()[0].1, 49);

    let [ours, reference, ours_in_facade, reference_in_facade] = rounds.time([
        &mut repeat(|| black_box(&many).send(Sender::of::<Article>(), black_box(&7))),
        &mut repeat(|| black_box(&one).send(Sender::of::<Article>(), black_box(&7))),
        &mut repeat(|| black_box(&many_in_facade).send(Sender::of::<Article>(), black_box(&7))),
        &mut repeat(|| black_box(&one_in_facade).send(Sender::of::<Article>(), black_box(&7))),
    ]);
    vec![
        Measure::beside("send, 1 of 100 by sender: 1 of 1", ours, reference, "ns", "at most 2"),
        Measure::beside(
            "facade send, 1 of 100 by sender: 1 of 1",
            ours_in_facade,
            reference_in_facade,
            "ns",
            "at most 2",
        ),
    ]
}
