//! Sends on connections and transactions of the sender's own, with every client.

mod postgres;
mod postgres_once;
mod sqlite;

use crate::clients::{Client, Transaction, on_every_client, unique};
use crate::{Bench, Place, named};
use signalpost::{AsyncSignal, Event, SendError, SendId, SendOptions, Sender, Sent, Signal, StoreError};

/// A signal with two background receivers.
fn two(name: &str) -> Signal<u32> {
    let signal = Signal::new(unique(name));
    for receiver in ["first", "second"] {
        let receiver = unique(&format!("{name}.{receiver}"));
        signal.connect_background_blocking(named(receiver), |_: &Event<u32>| ()).unwrap();
    }
    signal
}

/// A store, and a client of its database, in which there are orders.
async fn start<P: Place, C: Client>() -> (Bench<P>, C) {
    let bench = Bench::<P>::open().await;
    bench.place.run("CREATE TABLE orders (id INTEGER PRIMARY KEY)");
    let client = C::connect(&bench.place.url()).await;
    (bench, client)
}

fn orders(place: &impl Place) -> Vec<i64> {
    place.numbers("SELECT id FROM orders ORDER BY id")
}

async fn senders<P: Place>(bench: &Bench<P>) -> Vec<String> {
    bench.tasks().await.into_iter().map(|task| task.sender.unwrap()).collect()
}

on_every_client! {
    a_task_exists_if_and_only_if_the_transaction_committed
    a_transaction_that_is_dropped_leaves_no_task
    a_savepoint_that_is_rolled_back_takes_its_tasks_with_it
    several_sends_of_a_transaction_keep_their_order
    a_send_that_is_made_again_under_its_id_writes_one_task
    a_connection_is_sent_on_outside_any_transaction
    a_database_without_signalposts_tables_is_an_error_that_says_so
    an_inline_receiver_that_raises_leaves_the_transaction_as_it_was
    what_is_sent_within_joins_the_transaction
    a_background_signal_is_sent_in_the_transaction_too
}

async fn a_task_exists_if_and_only_if_the_transaction_committed<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let signal = two("outbox.commit");
    bench
        .within(async {
            for committed in [false, true] {
                let mut transaction = client.begin().await;
                transaction.run("INSERT INTO orders (id) VALUES (7)").await.unwrap();
                assert_eq!(signal.send_in(transaction.outbox(), Sender::NONE, &7).await.unwrap().len(), 2);
                assert!(bench.tasks().await.is_empty());
                match committed {
                    true => transaction.commit().await,
                    false => transaction.rollback().await,
                }
            }
        })
        .await;
    assert_eq!((orders(&*bench.place), bench.tasks().await.len()), (vec![7], 2));
    bench.drain().await;
}

async fn a_transaction_that_is_dropped_leaves_no_task<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let signal = two("outbox.dropped");
    bench
        .within(async {
            let mut transaction = client.begin().await;
            signal.send_in(transaction.outbox(), "dropped", &7).await.unwrap();
            drop(transaction);
            signal.send_in(client.outbox(), "after", &8).await.unwrap();
        })
        .await;
    assert_eq!(senders(&bench).await, ["after", "after"]);
}

async fn a_savepoint_that_is_rolled_back_takes_its_tasks_with_it<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let signal = two("outbox.savepoint");
    bench
        .within(async {
            let mut transaction = client.begin().await;
            signal.send_in(transaction.outbox(), "outer", &1).await.unwrap();
            let mut savepoint = transaction.savepoint().await;
            signal.send_in(savepoint.outbox(), "rolled back", &2).await.unwrap();
            savepoint.rollback().await;
            let mut savepoint = transaction.savepoint().await;
            signal.send_in(savepoint.outbox(), "kept", &3).await.unwrap();
            savepoint.commit().await;
            transaction.commit().await;
        })
        .await;
    assert_eq!(senders(&bench).await, ["outer", "outer", "kept", "kept"]);
}

async fn several_sends_of_a_transaction_keep_their_order<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let (one, other) = (two("outbox.several.one"), two("outbox.several.other"));
    bench
        .within(async {
            let mut transaction = client.begin().await;
            one.send_in(transaction.outbox(), "1", &1).await.unwrap();
            other.send_many_in(transaction.outbox(), "2", &[2, 3]).await.unwrap();
            one.send_in(transaction.outbox(), "3", &4).await.unwrap();
            transaction.commit().await;
        })
        .await;
    assert_eq!(senders(&bench).await, ["1", "1", "2", "2", "2", "2", "3", "3"]);
    bench.drain().await;
}

async fn a_send_that_is_made_again_under_its_id_writes_one_task<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let (signal, id) = (two("outbox.once"), SendId::new());
    let once = || signal.with(SendOptions::new().send_id(id));
    bench
        .within(async {
            let mut transaction = client.begin().await;
            once().send_in(transaction.outbox(), "rolled back", &1).await.unwrap();
            transaction.rollback().await;
            let mut transaction = client.begin().await;
            once().send_in(transaction.outbox(), "first", &1).await.unwrap();
            once().send_in(transaction.outbox(), "again in it", &1).await.unwrap();
            transaction.commit().await;
            // It waits; and then it has ended.
            once().send_in(client.outbox(), "again", &1).await.unwrap();
            bench.drain().await;
            once().send_in(client.outbox(), "at last", &1).await.unwrap();
        })
        .await;
    assert_eq!(senders(&bench).await, ["first", "first"]);
}

async fn a_connection_is_sent_on_outside_any_transaction<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let signal = two("outbox.pool");
    bench.within(signal.send_in(client.outbox(), Sender::NONE, &1)).await.unwrap();
    assert_eq!(bench.tasks().await.len(), 2);
    bench.drain().await;
}

async fn a_database_without_signalposts_tables_is_an_error_that_says_so<P: Place, C: Client>() {
    let (bench, _) = start::<P, C>().await;
    let (signal, elsewhere) = (two("outbox.tables"), P::new());
    let mut client = C::connect(&elsewhere.url()).await;
    let error = bench.within(signal.send_in(client.outbox(), Sender::NONE, &1)).await.unwrap_err();
    assert!(error.downcast_ref::<StoreError>().is_some_and(StoreError::is_without_tables), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("the database of this connection") && text.contains("\n  hint: "), "{text}");
}

async fn an_inline_receiver_that_raises_leaves_the_transaction_as_it_was<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let signal = two("outbox.raises");
    signal.connect(|event: &Event<u32>| if *event.payload == 0 { Err("no order 0") } else { Ok(()) });
    let mut transaction = client.begin().await;
    transaction.run("INSERT INTO orders (id) VALUES (1)").await.unwrap();
    let error = bench.within(signal.send_in(transaction.outbox(), Sender::NONE, &0)).await.unwrap_err();
    assert!(error.receiver().is_some());
    transaction.commit().await;
    assert_eq!((orders(&*bench.place), bench.tasks().await.len()), (vec![1], 0));
}

async fn what_is_sent_within_joins_the_transaction<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let (outer, inner) = (two("outbox.outer"), two("outbox.inner"));
    let shared = AsyncSignal::<u32>::new(unique("outbox.inner.async"));
    outer.connect(move |event: &Event<u32>| -> Result<(), SendError> {
        inner.send_within(event, "inner", event.payload)?;
        shared.send_within(event, "shared", event.payload).map(drop)
    });
    for (committed, senders_of_tasks) in [(false, &[][..]), (true, &["outer", "outer", "inner", "inner", "shared"])] {
        let mut transaction = client.begin().await;
        bench.within(outer.send_in(transaction.outbox(), "outer", &1)).await.unwrap();
        match committed {
            true => transaction.commit().await,
            false => transaction.rollback().await,
        }
        assert_eq!(senders(&bench).await, senders_of_tasks);
    }
}

async fn a_background_signal_is_sent_in_the_transaction_too<P: Place, C: Client>() {
    let (bench, mut client) = start::<P, C>().await;
    let signal = AsyncSignal::<u32>::new(unique("outbox.async"));
    signal.connect_with(named(unique("outbox.async")), |_: &Event<u32>| ()).unwrap();
    for (committed, tasks) in [(false, 0), (true, 1)] {
        let mut transaction = client.begin().await;
        let sent = bench.within(signal.send_in(transaction.outbox(), Sender::NONE, &1)).await.unwrap();
        assert!(matches!(sent, Sent::Queued(_)));
        match committed {
            true => transaction.commit().await,
            false => transaction.rollback().await,
        }
        assert_eq!(bench.tasks().await.len(), tasks);
    }
    bench.drain().await;
}
