//! What happens when a receiver fails.

use crate::{Broken, Log, nobody};
use signalpost_dispatch::{Event, ParkingBridge, SendError, Signal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use tracing::span;

#[test]
fn send_stops_at_the_first_error_and_keeps_it_as_it_was() {
    let (signal, log) = (Signal::<()>::new("tests.raises"), Log::default());
    signal.connect(log.writer("1"));
    let second = signal.connect(|_: &Event<()>| Err::<(), _>(Broken(2))).receiver();
    signal.connect(log.writer("3"));
    let error = signal.send(nobody(), &()).unwrap_err();
    assert_eq!(log.take(), ["1"]);
    assert_eq!(error.receiver(), Some(second));
    assert_eq!(error.downcast_ref(), Some(&Broken(2)));
    assert!(error.to_string().ends_with("failed: broken 2"), "{error}");
    assert_eq!(*error.into_source().downcast::<Broken>().unwrap(), Broken(2));

    let error = ParkingBridge::run(signal.asend(nobody(), &())).unwrap_err();
    assert_eq!((log.take(), error.downcast_ref()), (vec!["1".to_owned()], Some(&Broken(2))));
}

#[test]
fn a_layer_above_makes_its_own_of_the_responses_unless_a_receiver_has_raised() {
    let (signal, sender) = (Signal::<u32, u32>::new("tests.layer"), nobody());
    let send = |payload: u32| {
        let event = Event::new("x", &sender, &payload);
        signal.send_event_with(
            &event,
            &ParkingBridge,
            |response| response.to_string(),
            |mut responses| {
                responses.reverse();
                if responses.len() == 3 { Err(SendError::sending("three")) } else { Ok(responses) }
            },
        )
    };
    assert!(send(1).unwrap().is_empty());
    signal.connect(|event: &Event<u32>| event.payload.checked_sub(1).ok_or(Broken(1)));
    signal.connect(|event: &Event<u32>| event.payload + 1);
    let texts = |payload| send(payload).unwrap().into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    assert_eq!(texts(1), ["2", "0"]);
    signal.connect_async(|event: &Event<u32>| std::future::ready(event.payload + 2));
    assert_eq!(send(1).unwrap_err().to_string(), "three");
    assert_eq!(send(0).unwrap_err().downcast_ref(), Some(&Broken(1)));
}

#[test]
fn send_does_not_catch_a_panic() {
    let signal = Signal::<()>::new("tests.panics");
    fn panics(_: &Event<()>) {
        panic!("as it came");
    }
    signal.connect(panics);
    let panic = catch_unwind(AssertUnwindSafe(|| signal.send(nobody(), &()))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"as it came"));
}

#[test]
fn robust_sends_run_every_receiver_and_return_errors_and_panics() {
    let (signal, log) = (Signal::<()>::new("tests.robust"), Log::default());
    signal.connect(|_: &Event<()>| Err::<(), _>(Broken(1)));
    signal.connect(log.writer("2"));
    fn third(_: &Event<()>) {
        let three = 3;
        panic!("number {three}");
    }
    signal.connect(third);
    signal.connect_async(|_: &Event<()>| async { Err::<(), _>(Broken(4)) });
    async fn fifth(_: &Event<'_, ()>) {
        panic!("number 5");
    }
    signal.connect_async(fifth);
    let wrote = log.clone();
    signal.connect_async(move |_: &Event<()>| {
        let wrote = wrote.clone();
        async move { wrote.add("6") }
    });
    for asynchronous in [false, true] {
        let responses = match asynchronous {
            false => signal.send_robust(nobody(), &()),
            true => ParkingBridge::run(signal.asend_robust(nobody(), &())),
        };
        let responses: Vec<_> = responses.into_iter().map(|(_, response)| response).collect();
        assert_eq!(responses.len(), 6);
        assert_eq!(responses[0].as_ref().unwrap_err().downcast_ref(), Some(&Broken(1)));
        assert!(responses[1].is_ok());
        assert!(responses[2].as_ref().unwrap_err().is_panic());
        assert_eq!(responses[2].as_ref().unwrap_err().to_string(), "panicked: number 3");
        assert_eq!(responses[3].as_ref().unwrap_err().downcast_ref(), Some(&Broken(4)));
        assert_eq!(responses[4].as_ref().unwrap_err().to_string(), "panicked: number 5");
        assert!(responses[5].is_ok());
        assert_eq!(log.take(), ["2", "6"]);
    }
}

#[test]
fn robust_sends_log_each_failure_as_an_error() {
    let signal = Signal::<()>::new("tests.logged");
    signal.connect(|_: &Event<()>| Err::<(), _>(Broken(1)));
    signal.connect(|_: &Event<()>| ());
    let logged = Logged::default();
    tracing::subscriber::with_default(logged.clone(), || signal.send_robust(nobody(), &()));
    let logged = logged.0.lock().unwrap();
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].starts_with("ERROR signalpost::dispatch"), "{logged:?}");
    assert!(logged[0].contains("error=broken 1") && logged[0].contains("tests.logged"), "{logged:?}");
}

#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Logged {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl tracing::field::Visit for Line {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!(" {}={value:?}", field.name());
            }
        }
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
