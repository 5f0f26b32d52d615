//! Receivers that are left out.

use crate::{ARTICLE_PUBLISHED, ArticlePublished, Forgets, named};
use signalpost::testing::TestStore;
use signalpost::{AsyncSignal, BoxError, ConnectOptions, Event, Receiver, Response, Sender, Signal};

fn ignore(_: &Event<u32>) {}

async fn ignore_async(_: &Event<'_, u32>) {}

fn names<R>(responses: &[(Receiver, R)]) -> Vec<&'static str> {
    responses.iter().map(|(receiver, _)| receiver.name()).collect()
}

#[tokio::test]
async fn a_muted_background_receiver_gets_no_task_in_its_stores_scope() -> Result<(), BoxError> {
    let (store, other) = (TestStore::new(), TestStore::new());
    let muted = store.mute("email_subscribers");
    let published = ArticlePublished::new("Ebb");
    store.scope(ARTICLE_PUBLISHED.asend(Sender::NONE, &published)).await?;
    other.scope(ARTICLE_PUBLISHED.asend(Sender::NONE, &published)).await?;
    store.assert_nothing_enqueued();
    other.assert_enqueued("email_subscribers");
    drop(muted);
    store.scope(ARTICLE_PUBLISHED.asend(Sender::NONE, &published)).await?;
    store.assert_enqueued("email_subscribers");
    // What waits already is run.
    let store = store.data(crate::Mailer::default());
    let _muted = store.mute("email_subscribers");
    store.run_due().await?.assert_succeeded();
    Ok(())
}

#[tokio::test]
async fn a_muted_inline_receiver_is_not_called_by_any_form_of_a_send() -> Result<(), BoxError> {
    static SIGNAL: Signal<u32> = Signal::new("tests.muted.inline");
    static INNER: Signal<u32> = Signal::new("tests.muted.inner");
    let name = |name| ConnectOptions::new().name(name);
    SIGNAL.connect_with(name("shop::muted::loud"), ignore);
    SIGNAL.connect_with(name("shop::muted::quiet"), |event: &Event<u32>| -> Result<(), BoxError> {
        let inner = INNER.send_within(event, Sender::NONE, event.payload)?;
        assert_eq!(names(&inner), ["shop::muted::inner"]);
        Ok(())
    });
    SIGNAL.connect_async_with(name("shop::muted::loud_too"), ignore_async);
    INNER.connect_with(name("shop::muted::inner"), ignore);
    INNER.connect_with(name("shop::inner::loud"), ignore);

    let store = TestStore::new();
    let _muted = [store.mute("loud"), store.mute("muted::loud_too")];
    store
        .scope(async {
            // A synchronous send on this runtime would be refused if the asynchronous receiver were to run.
            assert_eq!(names(&SIGNAL.send(Sender::NONE, &1)?), ["shop::muted::quiet"]);
            assert_eq!(names(&SIGNAL.send_robust(Sender::NONE, &1)), ["shop::muted::quiet"]);
            assert_eq!(names(&SIGNAL.asend(Sender::NONE, &1).await?), ["shop::muted::quiet"]);
            assert_eq!(names(&SIGNAL.asend_robust(Sender::NONE, &1).await), ["shop::muted::quiet"]);
            assert_eq!(names(&SIGNAL.send_in(&mut Forgets, Sender::NONE, &1).await?), ["shop::muted::quiet"]);
            for many in [
                SIGNAL.send_many(Sender::NONE, &[1, 2])?,
                SIGNAL.asend_many(Sender::NONE, &[1, 2]).await?,
                SIGNAL.send_many_in(&mut Forgets, Sender::NONE, &[1, 2]).await?,
            ] {
                assert_eq!(many.len(), 2);
                assert!(many.iter().all(|responses| names(responses) == ["shop::muted::quiet"]));
            }
            Ok::<(), BoxError>(())
        })
        .await?;

    let elsewhere = TestStore::new();
    // `quiet` would not have it called.
    let _inner = elsewhere.mute("inner::loud");
    let all = elsewhere.scope(SIGNAL.asend(Sender::NONE, &1)).await?;
    assert_eq!(names(&all), ["shop::muted::loud", "shop::muted::quiet", "shop::muted::loud_too"]);
    assert!(all.iter().all(|(_, response)| matches!(response, Response::Now(()))));
    Ok(())
}

#[tokio::test]
async fn a_muted_receiver_of_a_background_signal_is_left_out_of_the_run() -> Result<(), BoxError> {
    let signal: AsyncSignal<u32> = AsyncSignal::new("tests.muted.background");
    signal.connect_with(named("tests.muted.fails"), |_: &Event<u32>| Err::<(), _>("no"))?;
    signal.connect_with(named("tests.muted.works"), ignore)?;
    let store = TestStore::new();
    store.scope(signal.asend(Sender::NONE, &1)).await?;
    let muted = store.mute("tests.muted.fails");
    assert_eq!(store.run_due().await?.len(), 1);
    store.assert_nothing_enqueued();
    drop(muted);
    store.scope(signal.asend(Sender::NONE, &1)).await?;
    store.run_due().await?;
    store.assert_enqueued("tests.muted.fails");
    Ok(())
}
