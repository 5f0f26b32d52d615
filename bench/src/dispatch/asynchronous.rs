//! Asynchronous receivers under an asynchronous send. None of them waits, so that one poll is all there is.

use std::future::{Future, ready};
use std::hint::black_box;
use std::panic::Location;
use std::pin::Pin;

use futures_util::FutureExt;
use futures_util::future::join_all;
use signalpost::Response;
use signalpost_dispatch::{Event, Receiver, Sender, Signal};

use super::counted;
use super::plain::{Number, assert_same};
use crate::measure::Measure;
use crate::rounds::{Rounds, repeat};

type Running<'a> = Pin<Box<dyn Future<Output = Number> + Send + 'a>>;
type Boxed = Box<dyn for<'a> Fn(&'a Event<'a, Number>) -> Running<'a> + Send + Sync>;

pub(crate) fn run(rounds: &Rounds) -> Vec<Measure> {
    [1, 10].into_iter().flat_map(|receivers| receive(rounds, receivers)).collect()
}

fn receive(rounds: &Rounds, receivers: Number) -> [Measure; 2] {
    let (signal, facade) = (Signal::<Number, Number>::new("bench"), signalpost::Signal::<Number, Number>::new("bench"));
    let mut plain: Vec<(Receiver, Boxed)> = Vec::new();
    for own in 0..receivers {
        signal.connect_async(move |event: &Event<'_, Number>| ready(event.payload.wrapping_add(own)));
        facade.connect_async(move |event: &Event<'_, Number>| ready(event.payload.wrapping_add(own)));
        let call: Boxed = Box::new(move |event| Box::pin(async move { event.payload.wrapping_add(own) }));
        plain.push((Receiver::new("plain", Location::caller()), call));
    }
    let plain_in_facade = async || joined(&plain, &7, Response::Now).await;
    let same = (signal.asend(Sender::NONE, &7).now_or_never(), joined(&plain, &7, |response| response).now_or_never());
    assert_same(&same.0.unwrap().unwrap(), &same.1.unwrap());
    let same = (facade.asend(Sender::NONE, &7).now_or_never(), plain_in_facade().now_or_never());
    assert_same(&same.0.unwrap().unwrap(), &same.1.unwrap());

    let [ours, ours_in_facade, plainly, plainly_as_facade] = rounds.time([
        &mut repeat(|| black_box(&signal).asend(Sender::NONE, black_box(&7)).now_or_never()),
        &mut repeat(|| black_box(&facade).asend(Sender::NONE, black_box(&7)).now_or_never()),
        &mut repeat(|| joined(black_box(&plain), black_box(&7), |response| response).now_or_never()),
        &mut repeat(|| joined(black_box(&plain), black_box(&7), Response::Now).now_or_never()),
    ]);
    let to = counted(receivers, "async ");
    [
        Measure::beside(format!("asend, {to}: join_all"), ours, plainly, "ns", ""),
        Measure::beside(format!("facade asend, {to}: join_all"), ours_in_facade, plainly_as_facade, "ns", ""),
    ]
}

async fn joined<T>(plain: &[(Receiver, Boxed)], number: &Number, respond: impl Fn(Number) -> T) -> Vec<(Receiver, T)> {
    let event = Event::new("bench", &Sender::NONE, number);
    let (event, respond) = (&event, &respond);
    join_all(plain.iter().map(|(receiver, call)| async move { (*receiver, respond(call(event).await)) })).await
}
