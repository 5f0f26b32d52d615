//! Installing a store strictly. It is for the whole process, so this is one test.

use signalpost::{BackgroundOptions, Event, InstallError, Sender, Signal, SqliteStore, Store, install_strictly};
use signalpost_store::PublishedReceiver;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_lacks_receivers_which_workers_know_can_refuse_to_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path().join("app.db")).unwrap());
    let charge = PublishedReceiver {
        name: "billing.charge".to_owned(),
        signal: "shop.paid".to_owned(),
        queue: "default".to_owned(),
    };
    store.publish_receivers(&[charge]).await.unwrap();
    let error = install_strictly(store.clone()).await.unwrap_err();
    assert!(matches!(&error, InstallError::Missing(missing) if missing == "billing.charge (shop.paid)"));
    assert!(error.to_string().ends_with("would write no task for them: billing.charge (shop.paid)"), "{error}");

    // The same name for another signal is not enough.
    let [refunded, paid] = ["shop.refunded", "shop.paid"].map(Signal::<u32>::new);
    let connect = |signal: &Signal<u32>| {
        let options = BackgroundOptions::new().name("billing.charge");
        signal.connect_background_blocking(options, |_: &Event<u32>| ()).unwrap();
    };
    connect(&refunded);
    assert!(install_strictly(store.clone()).await.is_err());
    connect(&paid);
    assert_eq!(install_strictly(store.clone()).await.unwrap().missing, [""; 0]);
    paid.asend(Sender::NONE, &1).await.unwrap();
    assert_eq!(store.counts().await.unwrap().waiting, 1);
}
