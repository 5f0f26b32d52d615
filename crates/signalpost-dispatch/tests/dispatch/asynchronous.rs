//! Asynchronous receivers, and the bridge to them from synchronous sends.

use crate::{Broken, Log, nobody};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use signalpost_dispatch::{BoxError, Bridge, Event, ParkingBridge, Signal};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::thread;

fn is_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn sync_and_async_receivers_answer_all_four_sends() {
    let signal = Signal::<u32, u32>::new("tests.matrix");
    signal.connect(|event: &Event<u32>| event.payload + 1);
    async fn asynchronous(event: &Event<'_, u32>) -> Result<u32, Broken> {
        Ok(event.payload + 2)
    }
    signal.connect_async(asynchronous);
    assert_eq!(signal.send(nobody(), &1).unwrap().iter().map(|r| r.1).collect::<Vec<_>>(), [2, 3]);
    let asend = is_send(signal.asend(nobody(), &1));
    assert_eq!(ParkingBridge::run(asend).unwrap().iter().map(|r| r.1).collect::<Vec<_>>(), [2, 3]);
    let robust =
        |responses: Vec<(_, Result<u32, _>)>| -> Vec<u32> { responses.into_iter().map(|r| r.1.unwrap()).collect() };
    assert_eq!(robust(signal.send_robust(nobody(), &1)), [2, 3]);
    assert_eq!(robust(ParkingBridge::run(is_send(signal.asend_robust(nobody(), &1)))), [2, 3]);
}

#[test]
fn sync_receivers_run_before_async_ones_and_answer_before_them() {
    let (signal, log) = (Signal::<(), &'static str>::new("tests.grouping"), Log::default());
    for (name, is_async) in [("async 1", true), ("sync 1", false), ("async 2", true), ("sync 2", false)] {
        let log = log.clone();
        if is_async {
            signal.connect_async(move |_: &Event<()>| {
                let log = log.clone();
                async move {
                    log.add(name);
                    name
                }
            });
        } else {
            signal.connect(move |_: &Event<()>| {
                log.add(name);
                name
            });
        }
    }
    let expected = ["sync 1", "sync 2", "async 1", "async 2"];
    assert_eq!(signal.send(nobody(), &()).unwrap().iter().map(|r| r.1).collect::<Vec<_>>(), expected);
    assert_eq!(log.take(), expected);
    let responses = ParkingBridge::run(signal.asend_robust(nobody(), &()));
    assert_eq!(responses.into_iter().map(|r| r.1.unwrap()).collect::<Vec<_>>(), expected);
}

/// Two futures of which each waits for the other to have begun.
fn rendezvous() -> [Shared<BoxFuture<'static, ()>>; 2] {
    let begun: Arc<[OnceLock<()>; 2]> = Arc::default();
    [0, 1].map(|own| {
        let begun = begun.clone();
        poll_fn(move |context| {
            let _ = begun[own].set(());
            if begun[1 - own].get().is_some() {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .boxed()
        .shared()
    })
}

#[test]
fn async_receivers_run_concurrently() {
    for sends in 0..2 {
        let signal = Signal::<()>::new("tests.concurrent");
        for meeting in rendezvous() {
            signal.connect_async(move |_: &Event<()>| meeting.clone());
        }
        let met = match sends {
            0 => signal.send(nobody(), &()).unwrap(),
            _ => ParkingBridge::run(signal.asend(nobody(), &())).unwrap(),
        };
        assert_eq!(met.len(), 2);
    }
}

#[test]
fn a_failing_async_receiver_cancels_its_siblings() {
    struct Dropped(Log);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.add("dropped");
        }
    }
    let (signal, log) = (Signal::<()>::new("tests.cancels"), Log::default());
    let seen = log.clone();
    signal.connect_async(move |_: &Event<()>| {
        let dropped = Dropped(seen.clone());
        async move {
            pending::<()>().await;
            drop(dropped);
        }
    });
    signal.connect_async(|_: &Event<()>| async { Err::<(), _>(Broken(1)) });
    let error = ParkingBridge::run(signal.asend(nobody(), &())).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Broken(1)));
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn async_receivers_do_not_run_when_a_sync_one_has_failed() {
    let (signal, log) = (Signal::<()>::new("tests.sync_first"), Log::default());
    let ran = log.clone();
    signal.connect_async(move |_: &Event<()>| {
        ran.add("async");
        async {}
    });
    signal.connect(|_: &Event<()>| Err::<(), _>(Broken(1)));
    assert!(signal.send(nobody(), &()).is_err());
    assert!(ParkingBridge::run(signal.asend(nobody(), &())).is_err());
    assert!(log.take().is_empty());
}

#[derive(Default)]
struct CountingBridge(AtomicUsize);

impl Bridge for CountingBridge {
    fn block_on(&self, receivers: Pin<Box<dyn Future<Output = ()> + Send + '_>>) -> Result<(), BoxError> {
        self.0.fetch_add(1, SeqCst);
        ParkingBridge.block_on(receivers)
    }
}

#[test]
fn a_send_crosses_to_async_at_most_once() {
    let (signal, bridge, sender) = (Signal::<u8>::new("tests.switches"), CountingBridge::default(), nobody());
    let event = Event::new("x", &sender, &1);
    signal.connect(|_: &Event<u8>| ());
    signal.send_event(&event, &bridge).unwrap();
    assert_eq!(bridge.0.load(SeqCst), 0);
    for number in 0..5 {
        signal.connect_async(move |_: &Event<u8>| async move { assert!(number < 5) });
    }
    assert_eq!(signal.send_event(&event, &bridge).unwrap().len(), 6);
    assert_eq!(bridge.0.load(SeqCst), 1);
    assert_eq!(signal.send_event_robust(&event, &bridge).len(), 6);
    assert_eq!(bridge.0.load(SeqCst), 2);
}

#[test]
fn a_bridge_may_refuse() {
    struct Refuses;
    impl Bridge for Refuses {
        fn block_on(&self, _: Pin<Box<dyn Future<Output = ()> + Send + '_>>) -> Result<(), BoxError> {
            Err("this thread must not block: use asend".into())
        }
    }
    let (signal, sender) = (Signal::<u8>::new("tests.refused"), nobody());
    let event = Event::new("x", &sender, &1);
    signal.connect(|_: &Event<u8>| ());
    assert_eq!(signal.send_event(&event, &Refuses).unwrap().len(), 1);
    signal.connect_async(|_: &Event<u8>| async {});
    let error = signal.send_event(&event, &Refuses).unwrap_err();
    assert_eq!(error.to_string(), "this thread must not block: use asend");
    let responses = signal.send_event_robust(&event, &Refuses);
    assert!(responses[0].1.is_ok());
    assert_eq!(responses[1].1.as_ref().unwrap_err().to_string(), "this thread must not block: use asend");
}

#[test]
fn the_parking_bridge_wakes_from_another_thread() {
    let done = Arc::new(OnceLock::new());
    let waiting = poll_fn(|context| match done.get() {
        Some(value) => Poll::Ready(*value),
        None => {
            let (done, waker) = (done.clone(), context.waker().clone());
            thread::spawn(move || {
                let _ = done.set(7);
                waker.wake();
            });
            Poll::Pending
        }
    });
    assert_eq!(ParkingBridge::run(waiting), 7);
}
