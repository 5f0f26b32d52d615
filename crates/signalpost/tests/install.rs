//! Installing a store. It is for the whole process, so this is one test.

mod common;

use common::Warnings;
use signalpost::{
    BackgroundOptions, Event, InstallError, Response, Sender, Signal, SqliteStore, Store, install, with_store,
};
use signalpost_store::PublishedReceiver;
use std::sync::Arc;

static MOVED: Signal<u32> = Signal::new("tests.install.moved").aliases(&["tests.install.was"]);

fn published(name: &str, signal: &str) -> PublishedReceiver {
    PublishedReceiver { name: name.to_owned(), signal: signal.to_owned(), queue: "default".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_store_is_what_sends_write_to() {
    let warnings = Warnings::listen();
    let directory = tempfile::tempdir().unwrap();
    let open = |name: &str| Arc::new(SqliteStore::open(directory.path().join(name)).unwrap());
    let (store, other) = (open("app.db"), open("other.db"));
    let options = BackgroundOptions::new().name("tests.install.here").aliases(&["tests.install.there"]);
    MOVED.connect_background_blocking(options, |_: &Event<u32>| ()).unwrap();

    // What workers know and this process does not is a warning by name.
    let known = [
        published("tests.install.here", "tests.install.moved"),
        published("tests.install.there", "tests.install.moved"),
        published("tests.install.here", "tests.install.was"),
        published("billing.charge", "shop.paid"),
        published("mail.thank", "shop.paid"),
    ];
    store.publish_receivers(&known).await.unwrap();
    let installed = install(store.clone()).await.unwrap();
    assert_eq!(installed.missing, ["billing.charge (shop.paid)", "mail.thank (shop.paid)"]);
    let said = warnings.take();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("billing.charge (shop.paid)") && said[0].contains("mail.thank (shop.paid)"), "{said:?}");
    assert!(said[0].contains("its sends write no task for them"), "{said:?}");
    assert!(!said[0].contains("tests.install.here"), "{said:?}");

    // A second store is refused, and the first one stays.
    let error = install(other.clone()).await.unwrap_err();
    assert!(matches!(error, InstallError::Twice));
    assert!(error.to_string().contains("tests override it with with_store"), "{error}");
    for number in 0..2 {
        let responses = MOVED.asend(Sender::NONE, &number).await.unwrap();
        assert!(matches!(responses[..], [(_, Response::Queued(_))]));
    }
    std::thread::spawn(|| MOVED.send(Sender::NONE, &2).unwrap()).join().unwrap();
    with_store(other.clone(), MOVED.asend(Sender::NONE, &3)).await.unwrap();
    assert_eq!((store.counts().await.unwrap().waiting, other.counts().await.unwrap().waiting), (3, 1));
    assert!(warnings.take().is_empty());
}
