//! What workers elsewhere have registered, compared with what this process knows. It is installed for the whole process, so
//! this is one test.

mod common;

use common::Warnings;
use signalpost::{BackgroundOptions, Event, Signal, Store, Worker, install, install_strictly};
use signalpost_postgres_server::TestDatabase;
use signalpost_store::{PostgresOptions, PostgresStore, PublishedReceiver};
use std::sync::Arc;
use std::time::Duration;

static PAID: Signal<u32> = Signal::new("shop.paid");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_receiver_that_only_workers_elsewhere_know_is_named_by_a_sender_on_postgresql() {
    let warnings = Warnings::listen();
    let database = TestDatabase::new();
    let open = || async { Arc::new(PostgresStore::connect(database.url()).await.unwrap()) };
    let options = BackgroundOptions::new().name("mail.thank").queue("mail");
    PAID.connect_background_blocking(options, |_: &Event<u32>| ()).unwrap();

    // A worker of this program publishes what it knows, and one of a newer program what this one does not.
    let elsewhere = open().await;
    let within = Duration::from_secs(3600);
    let is_published = {
        let elsewhere = elsewhere.clone();
        async move {
            while elsewhere.published_receivers(within).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        }
    };
    Worker::new(elsewhere.clone()).queues(["mail"]).run_until(is_published).await.unwrap();
    let mut published = elsewhere.published_receivers(within).await.unwrap();
    let [thank] = &published[..] else { panic!("{published:?}") };
    assert_eq!((&*thank.name, &*thank.signal, &*thank.queue), ("mail.thank", "shop.paid", "mail"));
    let charge = PublishedReceiver { name: "billing.charge".to_owned(), ..thank.clone() };
    published.push(charge);
    elsewhere.publish_receivers(&published).await.unwrap();

    let refused = install_strictly(open().await).await.unwrap_err().to_string();
    assert!(refused.ends_with("would write no task for them: billing.charge (shop.paid)"), "{refused}");
    assert_eq!(install(open().await).await.unwrap().missing, ["billing.charge (shop.paid)"]);
    let said = warnings.take();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("billing.charge (shop.paid)") && said[0].contains("write no task for them"), "{said:?}");
    assert!(!said[0].contains("mail.thank"), "{said:?}");

    // Another schema of the same database is another store.
    let other = PostgresOptions::new(database.url()).unwrap().schema("other").open().await.unwrap();
    assert!(other.published_receivers(within).await.unwrap().is_empty());
}
