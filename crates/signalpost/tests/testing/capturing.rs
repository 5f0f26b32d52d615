//! Sends as they were made.

use crate::{Forgets, panic_of};
use signalpost::testing::TestStore;
use signalpost::{AsyncSignal, BoxError, Event, SendOptions, Sender, Signal};

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_send_is_recorded_whether_anybody_listens_or_not() -> Result<(), BoxError> {
    let store = TestStore::new();
    let (signal, inner) = (Signal::<u32>::new("tests.captured"), Signal::<u32>::new("tests.captured.inner"));
    let (sent, within) = (store.capture(&signal), store.capture(&inner));
    store
        .scope(async {
            signal.send(Sender::NONE, &1)?;
            signal.send_robust("till", &2);
            signal.connect(move |event: &Event<u32>| inner.send_within(event, "inner", event.payload).map(drop));
            signal.asend("till", &3).await?;
            signal.asend_robust("till", &4).await;
            signal.send_in(&mut Forgets, "till", &5).await?;
            signal.send_many("till", &[6, 7])?;
            signal.asend_many("till", &[8]).await?;
            signal.with(SendOptions::new().priority(3)).asend("till", &9).await?;
            signal.send_many_in(&mut Forgets, "till", &[10, 11]).await?;
            Ok::<(), BoxError>(())
        })
        .await?;
    assert_eq!(sent.payloads(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    let till = || Sender::label("till");
    assert_eq!(sent.senders()[0], Sender::NONE);
    assert!(sent.senders()[1..].iter().all(|sender| *sender == till()));
    assert_eq!(within.payloads(), [3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(within.senders()[0], Sender::label("inner"));
    Ok(())
}

#[tokio::test]
async fn the_sends_of_a_background_signal_are_recorded() -> Result<(), BoxError> {
    let (store, signal) = (TestStore::new(), AsyncSignal::<u32>::new("tests.captured.background"));
    let sent = store.capture(&signal);
    store
        .scope(async {
            signal.send(Sender::NONE, &1)?;
            signal.asend("till", &2).await?;
            signal.send_in(&mut Forgets, "till", &3).await?;
            signal.send_many("till", &[4, 5])?;
            signal.send_many_in(&mut Forgets, "till", &[6, 7]).await?;
            signal.with(SendOptions::new()).asend("till", &8).await
        })
        .await?;
    assert_eq!(sent.payloads(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!((sent.len(), sent.senders()[0].is_none()), (8, true));
    Ok(())
}

#[test]
fn only_sends_in_the_stores_own_scope_are_recorded_and_only_until_the_end() {
    let signal = Signal::<String>::new("tests.captured.scope");
    let (store, other) = (TestStore::new(), TestStore::new());
    let send = |text: &str| drop(signal.send(Sender::NONE, &text.to_owned()).unwrap());
    store.scope_blocking(|| send("before"));
    let (sent, elsewhere) = (store.capture(&signal), other.capture(&signal));
    send("nowhere");
    other.scope_blocking(|| send("elsewhere"));
    assert!(sent.is_empty());
    sent.assert_never();
    store.scope_blocking(|| {
        send("here");
        other.scope_blocking(|| send("inside"));
    });
    assert_eq!(sent.assert_once(), "here");
    assert_eq!(elsewhere.payloads(), ["elsewhere", "inside"]);
    drop(sent);
    let again = store.capture(&signal);
    assert!(again.is_empty());
}

#[test]
fn a_send_is_recorded_though_a_receiver_raises_and_not_where_it_is_refused() {
    let (store, signal) = (TestStore::new(), Signal::<String>::new("tests.captured.raises"));
    signal.connect(|_: &Event<String>| Err::<(), _>("no"));
    signal.connect_background_blocking(crate::named("tests.captured.raises"), |_: &Event<String>| {}).unwrap();
    let sent = store.capture(&signal);
    store.scope_blocking(|| {
        signal.send(Sender::NONE, &"fine".to_owned()).unwrap_err();
        signal.send(Sender::NONE, &"with \0".to_owned()).unwrap_err();
    });
    assert_eq!(sent.assert_once(), "fine");
}

#[test]
fn an_assertion_that_fails_shows_what_was_sent() {
    let (store, signal) = (TestStore::new(), Signal::<u32>::new("tests.captured.shown"));
    let sent = store.capture(&signal);
    assert_eq!(
        panic_of(|| sent.assert_once()),
        "signal `tests.captured.shown` was sent 0 times instead of once\n  hint: what is sent outside `store.scope(…)` is not seen"
    );
    store.scope_blocking(|| signal.send("till", &7)).unwrap();
    let once = "\n  by Sender(till): 7";
    assert_eq!(
        panic_of(|| sent.assert_never()),
        format!("signal `tests.captured.shown` was sent once instead of never{once}")
    );
    store.scope_blocking(|| signal.send(Sender::NONE, &8)).unwrap();
    let twice = format!("signal `tests.captured.shown` was sent 2 times instead of once{once}\n  by Sender::NONE: 8");
    assert_eq!(panic_of(|| sent.assert_once()), twice);
}
