//! Payloads of other versions than the newest.

use crate::{AT_ONCE, Bench, Finished, Log, named};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signalpost::{
    AsyncSignal, BoxError, EndState, Event, Outcome, Sender, Signal, State, TaskRecord, receiver, running_task,
};
use std::sync::LazyLock;
use std::time::Duration;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Paid {
    cents: u64,
    currency: String,
}

const TEN: fn() -> Paid = || Paid { cents: 1000, currency: "EUR".to_owned() };

/// Version 1 had whole euros, version 2 had cents and no currency.
fn to_version_3(version: u32, mut paid: Value) -> Result<Value, BoxError> {
    if version == 1 {
        let euros = paid["euros"].as_u64().ok_or_else(|| format!("there are no euros in {paid}"))?;
        paid = json!({ "cents": euros * 100 });
    }
    paid["currency"] = "EUR".into();
    Ok(paid)
}

const fn paid(name: &'static str) -> Signal<Paid> {
    Signal::new(name).version(3, to_version_3)
}

fn noting(log: &Log) -> impl Fn(&Event<'_, Paid>) + Send + Sync + 'static + use<> {
    let log = log.clone();
    move |event| log.add(format!("{} {}", event.payload.cents, event.payload.currency))
}

/// Makes the rows what an older or newer program would have written.
fn written_as(bench: &Bench, version: u32, payload: &str) {
    let sql = "UPDATE signalpost_task SET payload_version = ?1, payload = ?2";
    bench.raw().execute(sql, (version, payload)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_written_with_the_version_of_its_payload() {
    let (bench, plain) = (Bench::new(), Signal::<u32>::new("tests.versions.plain"));
    plain.connect_background_blocking(named("tests.versions.plain"), |_: &Event<u32>| ()).unwrap();
    let (third, log) = (paid("tests.versions.written"), Log::default());
    third.connect_background_blocking(named("tests.versions.written"), noting(&log)).unwrap();
    let whole = AsyncSignal::<Paid>::new("tests.versions.written.whole").version(3, to_version_3);
    bench
        .within(async {
            plain.asend(Sender::NONE, &1).await.unwrap();
            third.asend(Sender::NONE, &TEN()).await.unwrap();
            whole.asend(Sender::NONE, &TEN()).await.unwrap();
            third.asend_many(Sender::NONE, &[TEN()]).await.unwrap();
        })
        .await;
    let connection = bench.raw();
    let mut statement = connection.prepare("SELECT payload_version FROM signalpost_task ORDER BY id").unwrap();
    let versions: Vec<u32> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(versions, [1, 3, 3, 3]);
}

static DECLARED: Signal<Paid> = paid("tests.versions.declared");
static SEEN: LazyLock<Log> = LazyLock::new(Log::default);

#[receiver(DECLARED, background, name = "tests.versions.declared")]
async fn declared(event: Event<'_, Paid>) {
    noting(&SEEN)(&event);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_payload_reaches_the_receiver_in_the_newest_shape() {
    let (bench, by_hand, log) = (Bench::new(), paid("tests.versions.older"), Log::default());
    by_hand.connect_background_blocking(named("tests.versions.older"), noting(&log)).unwrap();
    let seen = log.clone();
    let whole = AsyncSignal::<Paid>::new("tests.versions.older.whole").version(3, to_version_3);
    whole
        .connect_async_with(named("tests.versions.older.whole"), move |event: &Event<Paid>| {
            noting(&seen)(event);
            std::future::ready(())
        })
        .unwrap();
    for (version, payload) in
        [(1, r#"{"euros":10}"#), (2, r#"{"cents":1000}"#), (3, r#"{"cents":1000,"currency":"EUR"}"#)]
    {
        bench
            .within(async {
                by_hand.asend(Sender::NONE, &TEN()).await.unwrap();
                whole.asend(Sender::NONE, &TEN()).await.unwrap();
                DECLARED.asend(Sender::NONE, &TEN()).await.unwrap();
            })
            .await;
        written_as(&bench, version, payload);
        bench.drain().await;
        assert_eq!((log.take(), SEEN.take()), (vec!["1000 EUR".to_owned(); 2], vec!["1000 EUR".to_owned()]));
    }
    assert_eq!(bench.store.counts().await.unwrap().ended(EndState::Succeeded), 9);
}

fn is_dead(task: &TaskRecord) -> &str {
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Dead), 1), "{task:?}");
    task.reason.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_cannot_be_made_into_the_newest_shape_is_dead_at_once_with_the_reason() {
    let made = "payload version 1 of signal `tests.versions.fails`, made into 3: ";
    let (signal, log) = (paid("tests.versions.fails"), Log::default());
    signal.connect_background_blocking(named("tests.versions.fails").backoff(AT_ONCE), noting(&log)).unwrap();
    let unversioned = Signal::<u32>::new("tests.versions.none");
    unversioned.connect_background_blocking(named("tests.versions.none"), |_: &Event<u32>| ()).unwrap();
    for (version, payload, reason) in [
        (1, r#"{"dollars":10}"#, format!(r#"{made}there are no euros in {{"dollars":10}}"#)),
        (1, "no JSON", format!("{made}the payload at $ cannot be read: expected ident at line 1 column 2")),
        (
            2,
            r#"{"cents":"many"}"#,
            "payload version 2 of signal `tests.versions.fails`, made into 3: the payload at $.cents cannot be read: \
             invalid type: string \"many\", expected u64 at line 1 column 15"
                .to_owned(),
        ),
    ] {
        let bench = Bench::new();
        bench.within(signal.asend(Sender::NONE, &TEN())).await.unwrap();
        written_as(&bench, version, payload);
        bench.drain().await;
        assert_eq!(is_dead(&bench.task_of(signal.name()).await), reason);
    }
    let bench = Bench::new();
    bench.within(unversioned.asend(Sender::NONE, &1)).await.unwrap();
    written_as(&bench, 0, "1");
    bench.drain().await;
    let reason = "payload version 0 of signal `tests.versions.none`, made into 1: nothing says how";
    assert_eq!(is_dead(&bench.task_of(unversioned.name()).await), reason);
    assert!(log.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_payload_waits_for_a_worker_that_knows_it() {
    let (bench, signal, log) = (Bench::new(), paid("tests.versions.newer"), Log::default());
    signal.connect_background_blocking(named("tests.versions.newer"), noting(&log)).unwrap();
    let whole = AsyncSignal::<Paid>::new("tests.versions.newer.whole").version(3, to_version_3);
    whole.connect_with(named("tests.versions.newer.whole"), noting(&log)).unwrap();
    let (mut finished, mut of_whole) = (Finished::of(signal.name()), Finished::of(whole.name()));
    bench
        .within(async {
            signal.asend(Sender::NONE, &TEN()).await.unwrap();
            whole.asend(Sender::NONE, &TEN()).await.unwrap();
        })
        .await;
    bench.tamper("UPDATE signalpost_task SET payload_version = 4");
    let working = bench.start(bench.worker());
    for (finished, name) in [(&mut finished, signal.name()), (&mut of_whole, whole.name())] {
        let Outcome::Deferred { reason, .. } = finished.next().await.outcome else { panic!("it was not deferred") };
        assert_eq!(reason, format!("payload version 4 of signal `{name}`; this process knows 3"));
    }
    working.stop().await;
    assert!(bench.tasks().await.iter().all(|task| (task.state, task.attempt) == (State::Waiting, 0)));

    // As a receiver that nobody knows: dead when no such worker has come in time.
    bench.tamper("UPDATE signalpost_task SET run_at = 0");
    bench.drain_with(bench.worker().unknown_grace(Duration::ZERO)).await;
    let tasks = bench.tasks().await;
    assert!(tasks.iter().all(|task| task.state == State::Ended(EndState::Dead)));
    assert!(tasks[0].reason.as_deref().unwrap().starts_with("payload version 4 of signal `tests.versions.newer`"));
    assert!(log.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_from_a_background_signal_keeps_the_version_of_its_payload() {
    let (bench, log) = (Bench::new(), Log::default());
    let signal = AsyncSignal::<Paid>::new("tests.versions.follow").version(3, to_version_3);
    let seen = log.clone();
    let fails_first = move |event: &Event<Paid>| {
        noting(&seen)(event);
        if running_task().unwrap().receiver == "*" { Err("no") } else { Ok(()) }
    };
    signal.connect_with(named("tests.versions.follow").backoff(AT_ONCE), fails_first).unwrap();
    bench.within(signal.asend(Sender::NONE, &TEN())).await.unwrap();
    written_as(&bench, 1, r#"{"euros":10}"#);
    bench.drain().await;
    assert_eq!(log.take(), ["1000 EUR", "1000 EUR"]);
}
