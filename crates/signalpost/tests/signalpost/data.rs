//! What receivers take besides the event. On a queue of their own: workers of other queues do not need it.

use crate::Bench;
use signalpost::{BoxError, Data, Event, Sender, Signal, WorkerError, receiver};
use std::sync::Mutex;

static WEIGHED: Signal<u32> = Signal::new("tests.data.weighed");

#[derive(Default)]
struct Scales(Mutex<Vec<u32>>);

struct Unit(&'static str);

#[receiver(WEIGHED, background, queue = "scales", name = "tests.data.weigh")]
async fn weigh(event: Event<'_, u32>, scales: Data<Scales>, unit: Data<Unit>) -> Result<(), BoxError> {
    assert_eq!(unit.0, "g");
    scales.0.lock().unwrap().push(*event.payload);
    Ok(())
}

#[receiver(WEIGHED, background, queue = "scales", name = "tests.data.weigh_blocking")]
fn weigh_blocking(event: &Event<u32>, scales: Data<Scales>) {
    scales.0.lock().unwrap().push(*event.payload + 1);
}

static KEPT: std::sync::LazyLock<std::sync::Arc<Scales>> = std::sync::LazyLock::new(Default::default);

#[receiver(WEIGHED, background, queue = "shelf", name = "tests.data.shared")]
fn shared(event: &Event<u32>, scales: Data<std::sync::Arc<Scales>>) {
    scales.0.lock().unwrap().push(*event.payload + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_take_what_their_worker_was_given() {
    let bench = Bench::new();
    bench.within(WEIGHED.asend(Sender::NONE, &1)).await.unwrap();
    let worker = bench.worker().queues(["scales", "shelf"]).data(KEPT.clone()).data(Scales::default());
    bench.drain_with(worker.data(Unit("g"))).await;
    assert_eq!(*KEPT.0.lock().unwrap(), [3]);
    let states = bench.store.counts().await.unwrap();
    assert_eq!(states.ended(signalpost::EndState::Succeeded), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lacks_what_a_receiver_takes_does_not_start_and_says_what() {
    let bench = Bench::new();
    let stop = std::future::pending::<()>;
    let error = bench.worker().queues(["shelf"]).run_until(stop()).await.unwrap_err();
    assert!(matches!(error, WorkerError::MissingData { receiver: "tests.data.shared", .. }));
    let text = error.to_string();
    assert!(text.starts_with("receiver `tests.data.shared` takes `Data<"), "{text}");
    assert!(text.contains("Scales") && text.ends_with("hint: give the worker one, with `.data(…)`"), "{text}");
    let error = bench.worker().queues(["scales"]).data(Scales::default()).run_until(stop()).await.unwrap_err();
    assert!(error.to_string().contains("Unit"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_other_queues_does_not_need_it() {
    Bench::new().drain().await;
}
