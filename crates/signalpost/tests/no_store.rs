//! A process in which no store is installed. What it is warned of, it is warned of once.

mod common;

use common::Warnings;
use signalpost::{
    AsyncSignal, BackgroundOptions, BoxError, Data, Event, Outbox, Response, SendOptions, Sender, Sent, Signal,
    provide, receiver, running_task, with_headers,
};
use std::sync::{LazyLock, Mutex};

static LINES: LazyLock<Mutex<Vec<String>>> = LazyLock::new(Default::default);

fn add(line: impl Into<String>) {
    LINES.lock().unwrap().push(line.into());
}

fn take() -> Vec<String> {
    std::mem::take(&mut LINES.lock().unwrap())
}

static PAID: Signal<u32> = Signal::new("tests.no_store.paid");

#[receiver(PAID, background)]
async fn thank(event: Event<'_, u32>) {
    tokio::task::yield_now().await;
    let task = running_task().unwrap();
    add(format!("background {} {} {}", event.payload, task.id, task.attempt));
}

#[receiver(PAID)]
fn count(event: &Event<u32>) {
    add(format!("inline {}", event.payload));
}

static PRINTED: AsyncSignal<u32> = AsyncSignal::new("tests.no_store.printed");

struct Paper(&'static str);

#[receiver(PRINTED, background, order = 2)]
fn print(event: &Event<u32>, paper: Data<Paper>) -> Result<(), BoxError> {
    add(format!("printed {} on {}", event.payload, paper.0));
    Ok(())
}

#[receiver(PRINTED, order = 1)]
fn refuse(event: &Event<u32>) -> Result<(), BoxError> {
    add(format!("refused {}", event.payload));
    Err("no paper".into())
}

static CALLS: Signal<u32> = Signal::new("tests.no_store.calls");

static HEADED: Signal<u32> = Signal::new("tests.no_store.headed");

/// Sends the signal once more.
#[receiver(HEADED, background)]
async fn carry_on(event: Event<'_, u32>) -> Result<(), BoxError> {
    add(format!("{} {:?}", event.payload, running_task().unwrap().headers));
    match event.payload {
        0 => Ok(()),
        n => Ok(HEADED.asend(Sender::NONE, &(n - 1)).await.map(drop)?),
    }
}

static CHAIN: Signal<u32> = Signal::new("tests.no_store.chain");

/// Connected by hand, because it fails at times.
fn down(event: &Event<u32>) -> Result<(), BoxError> {
    add(format!("at {}", event.payload));
    match event.payload {
        0 => Err("at the bottom".into()),
        n => CHAIN.send(Sender::NONE, &(n - 1)).map(drop).map_err(|error| error.into_source()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_background_receivers_run_inside_the_send_and_one_warning_says_so() {
    let warnings = Warnings::listen();
    provide(Paper("blue paper"));

    // After the inline receivers, before the send returns.
    let responses = PAID.send(Sender::NONE, &1).unwrap();
    assert_eq!(take(), ["inline 1", "background 1 0 1"]);
    assert!(matches!(responses[..], [(_, Response::Now(())), (_, Response::RanHere)]));
    PAID.asend(Sender::NONE, &2).await.unwrap();
    assert_eq!(take(), ["inline 2", "background 2 0 1"]);
    let responses = PAID.asend_robust(Sender::NONE, &3).await;
    assert!(matches!(responses[1].1, Ok(Response::RanHere)));
    assert_eq!(take(), ["inline 3", "background 3 0 1"]);

    // One that fails stops nobody.
    for number in [4, 5] {
        let sent = match number {
            4 => PRINTED.send(Sender::NONE, &number).unwrap(),
            _ => PRINTED.asend(Sender::NONE, &number).await.unwrap(),
        };
        assert_eq!(take(), [format!("refused {number}"), format!("printed {number} on blue paper")]);
        let Sent::RanHere(responses) = sent else { panic!("{sent:?}") };
        assert_eq!(responses[0].1.as_ref().unwrap_err().to_string(), "no paper");
        assert!(responses[1].1.is_ok());
    }

    let sent = PRINTED.send_many(Sender::NONE, &[6, 7]).unwrap();
    assert!(sent.iter().all(|sent| matches!(sent, Sent::RanHere(responses) if responses.len() == 2)));
    assert_eq!(take().len(), 4);
    assert_eq!(PRINTED.asend_many(Sender::NONE, &[8]).await.unwrap().len(), 1);
    assert_eq!(take(), ["refused 8", "printed 8 on blue paper"]);
    let sent = PAID.asend_many(Sender::NONE, &[6, 7]).await.unwrap();
    assert!(sent.iter().all(|responses| matches!(responses[..], [(_, Response::Now(())), (_, Response::RanHere)])));
    // All inline receivers come before all background ones.
    assert_eq!(take(), ["inline 6", "inline 7", "background 6 0 1", "background 7 0 1"]);

    // Headers are carried on as in a worker, where the sender's scope is not.
    let options = SendOptions::new().header("tenant", "option");
    with_headers([("tenant", "scope")], HEADED.with(options).asend(Sender::NONE, &1)).await.unwrap();
    assert_eq!(take(), [r#"1 {"tenant": "option"}"#, r#"0 {"tenant": "option"}"#]);

    // An error is the send's own.
    let options = BackgroundOptions::new().name("tests.no_store.down");
    CHAIN.connect_background_blocking(options, down).unwrap();
    let error = CHAIN.send(Sender::NONE, &2).unwrap_err();
    assert_eq!(error.receiver().unwrap().name(), "tests.no_store.down");
    assert!(error.to_string().ends_with("at the bottom"), "{error}");
    assert_eq!(take(), ["at 2", "at 1", "at 0"]);

    // What is sent within runs after the inline receivers, and fails the send that called it.
    CALLS.connect(|event: &Event<u32>| {
        let sent = PRINTED.send_within(event, Sender::NONE, event.payload)?;
        assert!(matches!(sent, Sent::RanHere(responses) if responses.iter().all(|(_, response)| response.is_ok())));
        Ok::<(), BoxError>(())
    });
    CALLS.connect(|event: &Event<u32>| add(format!("after {}", event.payload)));
    assert!(CALLS.send(Sender::NONE, &9).unwrap_err().to_string().ends_with("no paper"));
    assert_eq!(take(), ["after 9", "refused 9", "printed 9 on blue paper"]);
    let error = CALLS.send_in(Untouched, Sender::NONE, &9).await.unwrap_err();
    assert!(error.to_string().starts_with("no store is installed"), "{error}");
    assert_eq!(take(), ["after 9"]);

    let mut said = warnings.take();
    said.retain(|line| line.starts_with("WARN "));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("no store is installed: background receivers run inside the send"), "{said:?}");
}

static IMPATIENT: Signal<u32> = Signal::new("tests.no_store.impatient");

#[receiver(IMPATIENT, background)]
async fn wait(_event: Event<'_, u32>) {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}

#[receiver(IMPATIENT)]
fn before(_event: &Event<u32>) -> Result<(), BoxError> {
    Err("an inline receiver has run".into())
}

#[tokio::test]
async fn a_thread_that_may_not_wait_for_async_receivers_is_told_of_asend_before_anybody_has_run() {
    let error = IMPATIENT.send(Sender::NONE, &1).unwrap_err();
    assert!(error.to_string().contains("hint: use asend"), "{error}");
    let responses = IMPATIENT.send_robust(Sender::NONE, &1);
    assert_eq!(responses[0].1.as_ref().unwrap_err().to_string(), "an inline receiver has run");
    assert!(responses[1].1.as_ref().unwrap_err().to_string().contains("hint: use asend"));
}

/// A connection on which nothing may be written.
struct Untouched;

impl Outbox for Untouched {
    async fn execute(&mut self, sql: &str, _json: &str) -> Result<u64, BoxError> {
        panic!("without a store nothing says what to write: {sql}")
    }
}

static ORDERED: Signal<u32> = Signal::new("tests.no_store.ordered");
static PACKED: AsyncSignal<u32> = AsyncSignal::new("tests.no_store.packed");

#[receiver(ORDERED, background)]
async fn never(_event: Event<'_, u32>) {
    panic!("this would run before the commit, or in spite of a rollback");
}

/// Were it to run, its error would be the first.
#[receiver(ORDERED)]
fn before_the_order(_event: &Event<u32>) -> Result<(), BoxError> {
    Err("an inline receiver has run".into())
}

#[tokio::test]
async fn a_send_on_a_connection_needs_a_store_that_says_how() {
    let errors = [
        ORDERED.send_in(Untouched, Sender::NONE, &1).await.unwrap_err(),
        PACKED.send_in(Untouched, Sender::NONE, &1).await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("hint: signalpost::install(store).await once, at the start"), "{error}");
    }
}
