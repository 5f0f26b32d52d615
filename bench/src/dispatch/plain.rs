//! The reference, and the receivers that both sides call.

use std::panic::Location;

use signalpost_dispatch::{Event, Receiver, Sender};

/// What is sent everywhere here, and what receivers respond.
pub(crate) type Number = u64;

type Boxed<R> = Box<dyn Fn(&Event<'_, Number>) -> R + Send + Sync>;

/// A list of boxed closures. `R` is what they return.
pub(crate) struct Plain<R = Number> {
    receivers: Vec<(Receiver, Boxed<R>)>,
}

impl<R> Plain<R> {
    #[track_caller]
    pub(crate) fn of<F>(receivers: impl IntoIterator<Item = F>) -> Self
    where
        F: Fn(&Event<'_, Number>) -> R + Send + Sync + 'static,
    {
        let location = Location::caller();
        let receivers = receivers.into_iter();
        Self { receivers: receivers.map(|call| (Receiver::new("plain", location), Box::new(call) as _)).collect() }
    }

    /// Calls all, and collects what `respond` makes of what they return.
    pub(crate) fn send<T>(
        &self,
        number: &Number,
        respond: impl Fn(&Boxed<R>, &Event<'_, Number>) -> T,
    ) -> Vec<(Receiver, T)> {
        let event = Event::new("bench", &Sender::NONE, number);
        let mut responses = Vec::with_capacity(self.receivers.len());
        for (receiver, call) in &self.receivers {
            responses.push((*receiver, respond(call, &event)));
        }
        responses
    }
}

/// The usual receiver: its data is small, and different for each.
pub(crate) fn adder(own: Number) -> impl Fn(&Event<'_, Number>) -> Number + Send + Sync + 'static {
    move |event| event.payload.wrapping_add(own)
}

/// Both sides must have done the same.
pub(crate) fn assert_same<T: PartialEq>(ours: &[(Receiver, T)], plain: &[(Receiver, T)]) {
    assert!(ours.iter().map(|(_, response)| response).eq(plain.iter().map(|(_, response)| response)));
}
