//! What travels in a payload, and what is refused before anything has happened.

use crate::{Bench, Log, named};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use signalpost::{AsyncSignal, BoxError, Event, Outbox, PayloadError, SendError, Sender, Signal};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Change {
    Created,
    Updated { fields: Option<HashSet<String>> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    change: Change,
    same: Change,
    first: Change,
    numbers: BTreeSet<i64>,
    nothing: Option<u8>,
    something: Option<u8>,
    pair: (bool, f64, char),
    nested: BTreeMap<String, Vec<Option<(u8, String)>>>,
    took: Duration,
    largest: (u64, i64),
    text: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn sets_options_tuples_and_nested_structs_arrive_as_they_were_sent() {
    let sent = Everything {
        change: Change::Updated { fields: Some(["title", "body"].map(str::to_owned).into()) },
        same: Change::Updated { fields: None },
        first: Change::Created,
        numbers: [-3, 0, 9].into(),
        nothing: None,
        something: Some(0),
        pair: (true, 0.1, 'ß'),
        nested: [("a.b".to_owned(), vec![None, Some((1, String::new()))])].into(),
        took: Duration::from_millis(1500),
        largest: (u64::MAX, i64::MIN),
        text: "quotes \" ' and \\u0000 and \n and \u{1f680}".to_owned(),
    };
    let (bench, signal) = (Bench::new(), Signal::<Everything>::new("tests.payloads.everything"));
    let arrived = Arc::new(Mutex::new(None));
    let kept = arrived.clone();
    let keep = move |event: &Event<Everything>| *kept.lock().unwrap() = Some(event.payload.clone());
    signal.connect_background_blocking(named("tests.payloads.keep"), keep).unwrap();
    bench.within(signal.asend(Sender::NONE, &sent)).await.unwrap();
    bench.drain().await;
    assert_eq!(arrived.lock().unwrap().take(), Some(sent));
}

/// A connection on which nothing may be written.
struct Untouched;

impl Outbox for Untouched {
    async fn execute(&mut self, _sql: &str, _json: &str) -> Result<u64, BoxError> {
        unreachable!("the send was not refused")
    }
}

/// Sends in every form; each must be refused before anybody has run, and in the same words, which are returned.
async fn refused<P>(bench: &Bench, name: &'static str, payload: P) -> (String, PayloadError)
where
    P: Serialize + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let (signal, log) = (Signal::<P>::new(name), Log::default());
    signal.connect(log.writer("inline"));
    signal.connect_background_blocking(named(name), log.writer("background")).unwrap();
    let errors: Vec<SendError> = bench
        .within(async {
            vec![
                signal.send(Sender::NONE, &payload).unwrap_err(),
                signal.asend(Sender::NONE, &payload).await.unwrap_err(),
                signal.send_in(Untouched, Sender::NONE, &payload).await.unwrap_err(),
            ]
        })
        .await;
    assert!(log.take().is_empty());
    // The robust forms run whom they can, and answer for whom they cannot.
    let responses = bench.within(signal.asend_robust(Sender::NONE, &payload)).await;
    assert_eq!(log.take(), ["inline"]);
    assert!(responses[0].1.is_ok());
    let text = responses[1].1.as_ref().unwrap_err().to_string();
    assert!(bench.tasks().await.is_empty());
    assert!(errors.iter().all(|error| error.to_string() == text && error.receiver().is_none()), "{errors:?}");
    (text, errors[0].downcast_ref::<PayloadError>().unwrap().clone())
}

#[derive(Debug, Serialize, Deserialize)]
struct Lines {
    lines: Vec<BTreeMap<String, String>>,
}

fn line(key: &str, text: &str) -> BTreeMap<String, String> {
    [(key.to_owned(), text.to_owned())].into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_is_refused_with_its_path_and_nobody_has_run() {
    let lines = Lines { lines: vec![line("note", "fine"), line("note", "not \0 fine")] };
    let (text, error) = refused(&Bench::new(), "tests.payloads.nul", lines).await;
    assert!(error.is_nul());
    assert_eq!(text, "the payload at $.lines[1].note holds the character NUL, which not every database can store");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_a_key_is_refused_too() {
    let lines = Lines { lines: vec![line("no\0te", "fine")] };
    let (_, error) = refused(&Bench::new(), "tests.payloads.nul_key", lines).await;
    assert!(error.is_nul());
    // The key as far as it is good.
    assert_eq!(error.path(), Some("$.lines[0].no"));
}

#[derive(Debug, Serialize, Deserialize)]
struct Doll {
    inner: Option<Box<Doll>>,
}

fn dolls(levels: usize) -> Doll {
    (1..levels).fold(Doll { inner: None }, |doll, _| Doll { inner: Some(Box::new(doll)) })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nested_too_deep_is_refused_with_its_path() {
    let (text, error) = refused(&Bench::new(), "tests.payloads.deep", dolls(65)).await;
    assert!(error.is_too_deep());
    assert_eq!(error.path().unwrap(), format!("${}", ".inner".repeat(64)));
    assert!(text.ends_with("is nested deeper than 64 levels"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_with_a_word_on_what_to_do() {
    let large = "x".repeat(1 << 20);
    let (text, error) = refused(&Bench::new(), "tests.payloads.large", large).await;
    assert!(error.is_too_large());
    assert_eq!(text, "the payload makes more than 1048576 bytes of JSON; store the data and send its key");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_json_is_refused_with_its_path() {
    let odd: BTreeMap<String, BTreeMap<(u8, u8), u8>> = [("board".to_owned(), [((1, 2), 3)].into())].into();
    let (text, error) = refused(&Bench::new(), "tests.payloads.odd", odd).await;
    assert!(error.path().unwrap().starts_with("$.board"), "{text}");
    assert!(text.contains("cannot be written as JSON: key must be a string"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_at_the_limits_arrives() {
    let bench = Bench::new();
    let (deep, large) =
        (Signal::<Doll>::new("tests.payloads.deepest"), Signal::<String>::new("tests.payloads.largest"));
    let log = Log::default();
    deep.connect_background_blocking(named("tests.payloads.deepest"), log.writer("deep")).unwrap();
    large.connect_background_blocking(named("tests.payloads.largest"), log.writer("large")).unwrap();
    bench
        .within(async {
            deep.asend(Sender::NONE, &dolls(64)).await.unwrap();
            large.asend(Sender::NONE, &"x".repeat((1 << 20) - 2)).await.unwrap();
        })
        .await;
    bench.drain().await;
    let mut lines = log.take();
    lines.sort();
    assert_eq!(lines, ["deep", "large"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_signal_refuses_the_same() {
    let (bench, signal) = (Bench::new(), AsyncSignal::<String>::new("tests.payloads.background"));
    signal.connect_with(named("tests.payloads.background"), |_: &Event<String>| ()).unwrap();
    let payload = "\0".to_owned();
    let errors = bench
        .within(async {
            [
                signal.send(Sender::NONE, &payload).unwrap_err(),
                signal.asend(Sender::NONE, &payload).await.unwrap_err(),
                signal.send_in(Untouched, Sender::NONE, &payload).await.unwrap_err(),
            ]
        })
        .await;
    assert!(errors.iter().all(|error| error.to_string().starts_with("the payload at $ holds the character NUL")));
    assert!(bench.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_whose_name_cannot_be_stored_is_refused() {
    let (bench, signal) = (Bench::new(), Signal::<u32>::new("tests.payloads.sender"));
    signal.connect_background_blocking(named("tests.payloads.sender"), |_: &Event<u32>| ()).unwrap();
    // Were it to run, its error would be the first.
    signal.connect(|_: &Event<u32>| Err::<(), _>("an inline receiver has run"));
    for (label, problem) in [("", "is empty"), ("a\0b", "holds a control character"), (&"x".repeat(201), "201 bytes")] {
        let sender = || Sender::label(label.to_owned());
        let errors = bench
            .within(async {
                [
                    signal.send(sender(), &1).unwrap_err(),
                    signal.asend(sender(), &1).await.unwrap_err(),
                    signal.send_in(Untouched, sender(), &1).await.unwrap_err(),
                ]
            })
            .await;
        for error in errors {
            let text = error.to_string();
            assert!(text.starts_with("the name of the sender") && text.contains(problem), "{text}");
        }
    }
    assert!(bench.tasks().await.is_empty());
}

#[test]
fn a_payload_without_background_receivers_needs_no_json() {
    // Not serde's at all.
    struct Borrowed(std::thread::ThreadId);
    let signal = Signal::<Borrowed, bool>::new("tests.payloads.inline");
    signal.connect(|event: &Event<Borrowed>| event.payload.0 == std::thread::current().id());
    let responses = signal.send(Sender::NONE, &Borrowed(std::thread::current().id())).unwrap();
    assert_eq!(responses[0].1.now(), Some(&true));
}

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    number: u32,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_survives_what_a_newer_sender_has_added() {
    let (bench, signal) = (Bench::new(), Signal::<Order>::new("tests.payloads.newer"));
    let log = crate::Log::default();
    let seen = log.clone();
    let receive = move |event: &Event<Order>| seen.add(event.payload.number.to_string());
    signal.connect_background_blocking(named("tests.payloads.newer"), receive).unwrap();
    bench.within(signal.asend(Sender::NONE, &Order { number: 7 })).await.unwrap();
    bench.tamper(r#"UPDATE signalpost_task SET payload = '{"number":7,"discount":{"percent":5}}'"#);
    bench.drain().await;
    assert_eq!(log.take(), ["7"]);
}
