//! Functions that put headers into every send. They are for the whole process, so this is one test.

use signalpost::{
    BackgroundOptions, Event, Headers, SendOptions, Sender, Signal, SqliteStore, Store, Worker, carry, running_task,
    with_headers, with_store,
};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::unbounded_channel;

static TRACED: AtomicU32 = AtomicU32::new(0);

fn trace(headers: &mut Headers) {
    let number = TRACED.fetch_add(1, SeqCst) + 1;
    headers.insert("trace".to_owned(), number.to_string());
    headers.insert("region".to_owned(), "north".to_owned());
}

/// Sees what those before it have put there.
fn refine(headers: &mut Headers) {
    let trace = headers["trace"].clone();
    headers.insert("trace".to_owned(), format!("{trace}-refined"));
}

fn break_when_asked(headers: &mut Headers) {
    if BREAKS.load(SeqCst) == 1 {
        headers.insert("Not A Name".to_owned(), String::new());
    }
}

static BREAKS: AtomicU32 = AtomicU32::new(0);

#[tokio::test(flavor = "multi_thread")]
async fn registered_carriers_put_headers_into_every_send_that_has_tasks() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path().join("app.db")).unwrap());
    let (tell, mut told) = unbounded_channel();
    let (first, last) =
        (Signal::<u32>::new("tests.carriers.first"), Arc::new(Signal::<u32>::new("tests.carriers.last")));
    let inline = Signal::<u32>::new("tests.carriers.inline");
    inline.connect(|_: &Event<u32>| ());
    last.connect_background_blocking(BackgroundOptions::new().name("tests.carriers.last"), move |_: &Event<u32>| {
        tell.send(running_task().unwrap().headers.clone()).unwrap();
    })
    .unwrap();
    let on = last.clone();
    let options = BackgroundOptions::new().name("tests.carriers.first");
    first
        .connect_background_blocking(options, move |event: &Event<u32>| on.send(Sender::NONE, event.payload).map(drop))
        .unwrap();
    for carrier in [trace, refine, break_when_asked] {
        carry(carrier);
    }

    with_store(store.clone(), async {
        inline.asend(Sender::NONE, &1).await.unwrap();
        assert_eq!(TRACED.load(SeqCst), 0, "nobody hears it in the background");
        last.asend_many(Sender::NONE, &[1, 2]).await.unwrap();
        assert_eq!(TRACED.load(SeqCst), 1, "one send for all payloads");
        with_headers([("region", "south")], last.asend(Sender::NONE, &3)).await.unwrap();
        last.with(SendOptions::new().header("region", "west")).asend(Sender::NONE, &4).await.unwrap();
        first.asend(Sender::NONE, &5).await.unwrap();

        BREAKS.store(1, SeqCst);
        let error = last.asend(Sender::NONE, &6).await.unwrap_err();
        assert!(error.to_string().starts_with("the header `Not A Name` cannot be sent"), "{error}");
        BREAKS.store(0, SeqCst);
    })
    .await;

    let carried = Arc::new(Mutex::new(Vec::new()));
    let seen = carried.clone();
    let all = async move {
        for _ in 0..5 {
            let headers: Headers = told.recv().await.unwrap();
            assert_eq!(headers.len(), 2);
            seen.lock().unwrap().push(format!("{} {}", headers["trace"], headers["region"]));
        }
    };
    Worker::new(store.clone()).concurrency(1).run_until(all).await.unwrap();
    let expected = ["1-refined north", "1-refined north", "2-refined south", "3-refined west", "4-refined north"];
    // The last one was sent in a task, whose trace it carries on.
    assert_eq!(*carried.lock().unwrap(), expected);
    assert_eq!(TRACED.load(SeqCst), 6);
    assert_eq!(store.counts().await.unwrap().running, 0);
}
