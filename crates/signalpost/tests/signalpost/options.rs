//! What is said of one send.

use crate::{Bench, Log, Own, named};
use signalpost::{
    AsyncSignal, BoxError, EndState, Event, Outbox, Response, SendId, SendOptions, Sender, Sent, Signal, State,
    TaskFilter,
};
use signalpost_store::ManualClock;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn ignore(_: &Event<u32>) {}

/// A signal with an inline receiver and one background receiver.
fn signal(name: &'static str) -> (Signal<u32>, Log) {
    let (signal, log) = (Signal::new(name), Log::default());
    signal.connect(log.writer("inline"));
    signal.connect_background_blocking(named(name).priority(5), log.writer("background")).unwrap();
    (signal, log)
}

/// A store whose clock stands still.
fn at(now: i64) -> (Bench, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(now));
    (Bench::with(|options| options.clock(clock.clone())), clock)
}

fn time(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_wait_for_the_later_of_a_delay_and_a_time_and_inline_receivers_for_neither() {
    let ((bench, _), (signal, log)) = (at(10_000), signal("tests.options.later"));
    let second = Duration::from_secs(1);
    bench
        .within(async {
            for options in [
                SendOptions::new().delay(second),
                SendOptions::new().run_at(time(12_000)),
                SendOptions::new().run_at(time(12_000)).delay(second),
                SendOptions::new().delay(second).run_at(time(10_500)),
                SendOptions::new().run_at(time(3)),
                SendOptions::new().run_at(UNIX_EPOCH - second),
            ] {
                signal.with(options).asend(Sender::NONE, &1).await.unwrap();
                assert_eq!(log.take(), ["inline"]);
            }
        })
        .await;
    let due: Vec<i64> = bench.tasks().await.iter().map(|task| task.run_at).collect();
    assert_eq!(due, [11_000, 12_000, 12_000, 11_000, 10_000, 10_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_nobody_starts_in_time_ends_expired() {
    let ((bench, clock), (signal, log)) = (at(10_000), signal("tests.options.expires"));
    let options = SendOptions::new().expires_in(Duration::from_secs(5));
    bench.within(signal.with(options).asend(Sender::NONE, &1)).await.unwrap();
    clock.advance(Duration::from_secs(5));
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!(log.take(), ["inline", "inline", "background"]);
    let states: Vec<State> = bench.tasks().await.iter().map(|task| task.state).collect();
    assert_eq!(states, [State::Ended(EndState::Expired), State::Ended(EndState::Succeeded)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_priority_of_the_send_stands_in_for_that_of_its_receivers() {
    let (bench, (signal, log)) = (Bench::new(), signal("tests.options.priority"));
    let background = AsyncSignal::<u32>::new("tests.options.priority.all");
    bench
        .within(async {
            signal.asend(Sender::NONE, &1).await.unwrap();
            signal.with(SendOptions::new().priority(-7)).asend(Sender::NONE, &1).await.unwrap();
            background.with(SendOptions::new().priority(9)).asend(Sender::NONE, &1).await.unwrap();
        })
        .await;
    let connection = bench.raw();
    let mut statement = connection.prepare("SELECT priority FROM signalpost_task ORDER BY id").unwrap();
    let priorities: Vec<i16> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(priorities, [5, -7, 9]);

    // One that cannot be is refused before anybody has run.
    log.take();
    let error = bench.within(signal.with(SendOptions::new().priority(101)).asend(Sender::NONE, &1)).await.unwrap_err();
    assert!(error.to_string().contains("priority 101; it must lie between -100 and 100"), "{error}");
    assert!(log.take().is_empty());
}

/// Sends in every form, under one id.
async fn in_every_form(signal: &Signal<u32>, send_id: SendId, own: &mut Own) -> Vec<Response<()>> {
    let with = || signal.with(SendOptions::new().send_id(send_id));
    let sent = [
        with().send(Sender::NONE, &1).unwrap(),
        with().asend(Sender::NONE, &1).await.unwrap(),
        with().send_in(own, Sender::NONE, &1).await.unwrap(),
    ];
    let robust = [with().send_robust(Sender::NONE, &1), with().asend_robust(Sender::NONE, &1).await];
    let robust = robust.into_iter().flatten().map(|(_, response)| response.unwrap());
    sent.into_iter().flatten().map(|(_, response)| response).chain(robust).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_is_repeated_under_its_id_writes_one_task_and_answers_the_same() {
    let (bench, (signal, log), send_id) = (Bench::new(), signal("tests.options.once"), SendId::new());
    let mut own = Own(bench.raw());
    // It waits, and then it has ended.
    for _ in 0..2 {
        let responses = bench.within(in_every_form(&signal, send_id, &mut own)).await;
        assert_eq!(responses.len(), 10);
        let each = [Response::Now(()), Response::Queued(send_id)];
        assert!(responses.chunks(2).all(|responses| responses == each), "{responses:?}");
        assert_eq!(log.take(), ["inline"; 5], "inline receivers are not part of the promise");
        assert_eq!(bench.task_of(signal.name()).await.send_id, send_id.to_string());
        bench.drain().await;
        log.take();
    }

    // A receiver that has come since gets its task, and a send under another id is another send.
    signal.connect_background_blocking(named("tests.options.once.new"), ignore).unwrap();
    let responses = bench.within(in_every_form(&signal, send_id, &mut own)).await;
    assert_eq!(responses.len(), 15);
    assert_eq!(bench.tasks().await.len(), 2);
    bench.within(in_every_form(&signal, SendId::new(), &mut own)).await;
    assert_eq!(bench.tasks().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_signal_that_is_repeated_under_its_id_writes_one_task() {
    let (bench, signal, log) = (Bench::new(), AsyncSignal::<u32>::new("tests.options.once.async"), Log::default());
    signal.connect_with(named("tests.options.once.async"), log.writer("ran")).unwrap();
    let (send_id, mut own) = (SendId::new(), Own(bench.raw()));
    let with = || signal.with(SendOptions::new().send_id(send_id));
    let sent = bench
        .within(async {
            [
                with().send(Sender::NONE, &1).unwrap(),
                with().asend(Sender::NONE, &1).await.unwrap(),
                with().send_in(&mut own, Sender::NONE, &1).await.unwrap(),
            ]
        })
        .await;
    assert!(sent.iter().all(|sent| matches!(sent, Sent::Queued(id) if *id == send_id)));
    bench.drain().await;
    bench.within(with().asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!(log.take(), ["ran"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_within_one_send_under_one_id_are_one() {
    let bench = Bench::new();
    let (outer, inner) = (Signal::<u32>::new("tests.options.within"), Signal::<u32>::new("tests.options.within.inner"));
    inner.connect_background_blocking(named("tests.options.within.inner"), ignore).unwrap();
    let send_id = SendId::new();
    outer.connect(move |event: &Event<u32>| {
        for _ in 0..2 {
            let with = inner.with(SendOptions::new().send_id(send_id).delay(Duration::from_secs(60)));
            assert_eq!(with.send_within(event, Sender::NONE, event.payload)?[0].1, Response::Queued(send_id));
        }
        Ok::<(), BoxError>(())
    });
    let mut own = Own(bench.raw());
    bench
        .within(async {
            outer.asend(Sender::NONE, &1).await.unwrap();
            outer.send_in(&mut own, Sender::NONE, &1).await.unwrap();
        })
        .await;
    let tasks = bench.tasks().await;
    assert_eq!(tasks.len(), 1);
    assert!(tasks[0].run_at >= tasks[0].created_at + 60_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_sends_at_the_same_time_write_one_task() {
    let (bench, send_id) = (Bench::new(), SendId::new());
    let signal = Arc::new(Signal::<u32>::new("tests.options.race"));
    signal.connect_background_blocking(named("tests.options.race"), ignore).unwrap();
    let sends: Vec<_> = (0..20)
        .map(|_| {
            let (signal, store) = (signal.clone(), bench.store.clone());
            let send = async move { signal.with(SendOptions::new().send_id(send_id)).asend(Sender::NONE, &1).await };
            tokio::spawn(signalpost::with_store(store, send))
        })
        .collect();
    for send in sends {
        assert_eq!(send.await.unwrap().unwrap()[0].1, Response::Queued(send_id));
    }
    assert_eq!(bench.store.tasks(&TaskFilter::of_send(send_id)).await.unwrap().len(), 1);
}

/// A connection that claims to have written so many rows.
struct Claims(u64);

impl Outbox for Claims {
    async fn execute(&mut self, _sql: &str, _json: &str) -> Result<u64, BoxError> {
        Ok(self.0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_reports_other_rows_than_were_sent_is_an_error() {
    let (bench, (signal, _)) = (Bench::new(), signal("tests.options.rows"));
    bench
        .within(async {
            for (rows, plain, once) in [(0, false, true), (1, true, true), (2, false, false)] {
                let sent = signal.send_in(Claims(rows), Sender::NONE, &1).await;
                assert_eq!(sent.is_ok(), plain, "{rows}: {sent:?}");
                let with = signal.with(SendOptions::new().send_id(SendId::new()));
                let sent = with.send_in(Claims(rows), Sender::NONE, &1).await;
                assert_eq!(sent.is_ok(), once, "{rows}: {sent:?}");
            }
        })
        .await;
}
