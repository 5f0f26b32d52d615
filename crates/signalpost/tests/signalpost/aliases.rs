//! What was renamed while tasks wait.

use crate::{Bench, Log, named};
use serde::{Deserialize, Serialize};
use signalpost::{
    AsyncSignal, BackgroundOptions, Event, Instance, Model, Sender, Signal, State, alias_sender, receiver, running_task,
};
use std::sync::LazyLock;

fn ignore(_: &Event<u32>) {}

/// A receiver that writes down what it sees of its event.
fn noting(log: &Log) -> impl Fn(&Event<'_, u32>) + Send + Sync + 'static + use<> {
    let log = log.clone();
    move |event| log.add(format!("{} {} {:?}", event.signal, event.payload, event.sender.as_label()))
}

/// Renames what stands in the rows, as if an older program had written them.
fn rename(bench: &Bench, column: &str, old: &str) {
    bench.raw().execute(&format!("UPDATE signalpost_task SET {column} = ?1"), [old]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_names_a_receiver_as_it_was_called_finds_it() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.aliases.receiver"), Log::default());
    let options = named("tests.aliases.new").aliases(&["tests.aliases.older", "tests.aliases.old"]);
    signal.connect_background_blocking(options, noting(&log)).unwrap();
    for name in ["tests.aliases.new", "tests.aliases.old", "tests.aliases.older"] {
        bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
        rename(&bench, "receiver", name);
        bench.drain().await;
        assert_eq!(log.take(), ["tests.aliases.receiver 1 None"], "{name}");
    }
}

static RENAMED: Signal<u32> = Signal::new("tests.aliases.macro");
static RENAMED_TOO: AsyncSignal<u32> = AsyncSignal::new("tests.aliases.macro.async");
static SEEN: LazyLock<Log> = LazyLock::new(Log::default);

#[receiver([RENAMED, RENAMED_TOO], background, name = "tests.aliases.declared", aliases = ["tests.aliases.before"])]
fn declared(event: &Event<u32>) {
    SEEN.add(format!("{} {}", event.payload, running_task().unwrap().receiver));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_can_be_declared() {
    let bench = Bench::new();
    bench
        .within(async {
            RENAMED.asend(Sender::NONE, &1).await.unwrap();
            RENAMED_TOO.asend(Sender::NONE, &2).await.unwrap();
        })
        .await;
    rename(&bench, "receiver", "tests.aliases.before");
    bench.drain_with(bench.worker().concurrency(1)).await;
    assert_eq!(SEEN.take(), ["1 tests.aliases.before", "2 tests.aliases.before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_names_a_signal_as_it_was_called_finds_its_receivers() {
    let (bench, log) = (Bench::new(), Log::default());
    let signal = Signal::<u32>::new("tests.aliases.signal").aliases(&["tests.aliases.signal.old"]);
    signal.connect_background_blocking(named("tests.aliases.signal"), noting(&log)).unwrap();
    let whole = AsyncSignal::<u32>::new("tests.aliases.whole").aliases(&["tests.aliases.whole.old"]);
    whole.connect_with(named("tests.aliases.whole"), noting(&log)).unwrap();
    let failing = named("tests.aliases.whole.fails").backoff(crate::AT_ONCE);
    let fails = move |_: &Event<u32>| if running_task().unwrap().receiver == "*" { Err("no") } else { Ok(()) };
    whole.connect_with(failing, fails).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    rename(&bench, "signal", "tests.aliases.signal.old");
    bench.drain().await;
    bench.within(whole.asend(Sender::NONE, &2)).await.unwrap();
    rename(&bench, "signal", "tests.aliases.whole.old");
    bench.drain().await;
    assert_eq!(log.take(), ["tests.aliases.signal 1 None", "tests.aliases.whole 2 None"]);
    // What follows is written under the name of today.
    assert_eq!(bench.task_of("tests.aliases.whole.fails").await.signal, "tests.aliases.whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_was_renamed_is_heard_and_shown_by_its_new_label() {
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new("tests.aliases.sender"), Log::default());
    let whole = AsyncSignal::<u32>::new("tests.aliases.sender.whole");
    alias_sender("tests.aliases.Store", "tests.aliases.Shop");
    for (name, sender) in
        [("tests.aliases.by_new", "tests.aliases.Shop"), ("tests.aliases.by_old", "tests.aliases.Store")]
    {
        signal.connect_background_blocking(named(name).sender(sender), noting(&log)).unwrap();
    }
    whole.connect_with(named("tests.aliases.sender.whole").sender("tests.aliases.Shop"), noting(&log)).unwrap();
    signal.connect_background_blocking(named("tests.aliases.other").sender("tests.aliases.Garage"), ignore).unwrap();
    bench
        .within(async {
            signal.asend("tests.aliases.Store", &1).await.unwrap();
            signal.asend("tests.aliases.Shop", &2).await.unwrap();
            whole.asend("tests.aliases.Store", &3).await.unwrap();
        })
        .await;
    bench.drain_with(bench.worker().concurrency(1)).await;
    let shown = |number| format!(r#"tests.aliases.sender {number} Some("tests.aliases.Shop")"#);
    let of_whole = r#"tests.aliases.sender.whole 3 Some("tests.aliases.Shop")"#;
    assert_eq!(log.take(), [&shown(1), &shown(1), &shown(2), &shown(2), of_whole]);
}

struct Ship {
    name: String,
}

impl Model for Ship {
    const LABEL: &'static str = "harbour.Ship";
    const ALIASES: &'static [&'static str] = &["harbour.Boat"];
    type Key = String;

    fn key(&self) -> String {
        self.name.clone()
    }
}

#[derive(Serialize, Deserialize)]
struct Landed {
    ship: Instance<Ship>,
}

#[test]
fn a_model_that_was_renamed_is_read_by_its_old_label() {
    let read =
        |label: &str| serde_json::from_str::<Landed>(&format!(r#"{{"ship":{{"model":"{label}","key":"Ada"}}}}"#));
    for label in ["harbour.Ship", "harbour.Boat"] {
        let landed = read(label).unwrap();
        assert_eq!(landed.ship.pk(), "Ada");
        assert!(serde_json::to_string(&landed).unwrap().contains("harbour.Ship"));
    }
    let error = read("harbour.Buoy").err().unwrap().to_string();
    assert!(error.contains("this is a `harbour.Buoy`, not a `harbour.Ship`"), "{error}");
}

/// What is said of a second receiver of the signal beside one called `tests.aliases.first`, once called
/// `tests.aliases.was`.
fn refused(signal: &'static str, options: BackgroundOptions) -> String {
    let signal = Signal::<u32>::new(signal);
    let first = named("tests.aliases.first").aliases(&["tests.aliases.was"]);
    let first = signal.connect_background_blocking(first, ignore).unwrap();
    let error = signal.connect_background_blocking(options, ignore).unwrap_err().to_string();
    assert!(error.contains(&first.location().to_string()), "{error}");
    assert_eq!(error.matches("aliases.rs:").count(), 2, "{error}");
    assert_eq!(signal.receivers().len(), 1);
    assert!(signal.disconnect_background("tests.aliases.first"));
    error
}

#[test]
fn two_receivers_of_one_signal_that_were_called_the_same_are_an_error_that_names_both_places() {
    const SIGNAL: &str = "tests.aliases.conflict";
    for (options, shared) in [
        (named("tests.aliases.was"), "tests.aliases.was"),
        (named("tests.aliases.second").aliases(&["tests.aliases.was"]), "tests.aliases.was"),
        (named("tests.aliases.second").aliases(&["tests.aliases.first"]), "tests.aliases.first"),
    ] {
        let text = refused(SIGNAL, options);
        assert!(text.contains(&format!("of signal `{SIGNAL}` are both called `{shared}`")), "{text}");
        assert!(text.contains("\n  hint: take away the alias of one of them"), "{text}");
    }
    // For another signal it is another name.
    let (one, other) = (Signal::<u32>::new("tests.aliases.one"), Signal::<u32>::new("tests.aliases.other"));
    one.connect_background_blocking(named("tests.aliases.a").aliases(&["tests.aliases.c"]), ignore).unwrap();
    other.connect_background_blocking(named("tests.aliases.b").aliases(&["tests.aliases.c"]), ignore).unwrap();
}

#[test]
fn two_signals_that_were_called_the_same_are_an_error() {
    let first = Signal::<u32>::new("tests.aliases.s1").aliases(&["tests.aliases.s0"]);
    first.connect_background_blocking(named("tests.aliases.s1"), ignore).unwrap();
    for second in [
        Signal::<u32>::new("tests.aliases.s0"),
        Signal::<u32>::new("tests.aliases.s2").aliases(&["tests.aliases.s0"]),
        Signal::<u32>::new("tests.aliases.s2").aliases(&["tests.aliases.s1"]),
    ] {
        let error = second.connect_background_blocking(named("tests.aliases.s2"), ignore).unwrap_err().to_string();
        assert!(error.starts_with("signals `tests.aliases.s1` and `tests.aliases.s"), "{error}");
        assert_eq!(error.matches("aliases.rs:").count(), 2, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_free_for_another_signal_once_the_one_that_was_called_so_has_no_receivers() {
    let (bench, log) = (Bench::new(), Log::default());
    let first = Signal::<u32>::new("tests.aliases.free.new").aliases(&["tests.aliases.free"]);
    first.connect_background_blocking(named("tests.aliases.free.first"), ignore).unwrap();
    first.disconnect_background("tests.aliases.free.first");
    let second = Signal::<u32>::new("tests.aliases.free");
    second.connect_background_blocking(named("tests.aliases.free.second"), noting(&log)).unwrap();
    bench.within(second.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!(log.take(), ["tests.aliases.free 1 None"]);
    assert!(bench.tasks().await.iter().all(|task| matches!(task.state, State::Ended(_))));
}
