//! Sends on connections and transactions of SeaORM.

use crate::{Bench, named};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, TransactionTrait};
use signalpost::{AsyncSignal, BoxError, Event, SendError, Sender, Signal, StoreError, begin_immediate};
use std::path::Path;
use std::time::Duration;

async fn connect(path: &Path) -> DatabaseConnection {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", path.display()));
    options.max_connections(2).map_sqlx_sqlite_opts(|options| options.busy_timeout(Duration::from_millis(50)));
    Database::connect(options).await.unwrap()
}

async fn database(bench: &Bench) -> DatabaseConnection {
    let database = connect(&bench.path).await;
    database.execute_unprepared("CREATE TABLE orders (id INTEGER PRIMARY KEY)").await.unwrap();
    database
}

/// A signal with two background receivers.
fn two(name: &'static str, receivers: [&'static str; 2]) -> Signal<u32> {
    let signal = Signal::new(name);
    for receiver in receivers {
        signal.connect_background_blocking(named(receiver), |_: &Event<u32>| ()).unwrap();
    }
    signal
}

fn orders(bench: &Bench) -> i64 {
    bench.raw().query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_exists_if_and_only_if_the_transaction_committed() {
    let bench = Bench::new();
    let (database, signal) = (database(&bench).await, two("tests.orm.commit", ["tests.orm.c1", "tests.orm.c2"]));
    bench
        .within(async {
            for committed in [false, true] {
                let transaction = begin_immediate(&database).await.unwrap();
                transaction.execute_unprepared("INSERT INTO orders (id) VALUES (7)").await.unwrap();
                assert_eq!(signal.send_in(&transaction, Sender::NONE, &7).await.unwrap().len(), 2);
                assert!(bench.tasks().await.is_empty());
                if committed {
                    transaction.commit().await.unwrap();
                } else {
                    transaction.rollback().await.unwrap();
                }
            }
        })
        .await;
    assert_eq!((orders(&bench), bench.tasks().await.len()), (1, 2));
    bench.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_dropped_leaves_no_task() {
    let bench = Bench::new();
    let (database, signal) = (database(&bench).await, two("tests.orm.dropped", ["tests.orm.d1", "tests.orm.d2"]));
    let transaction = begin_immediate(&database).await.unwrap();
    bench.within(signal.send_in(&transaction, Sender::NONE, &7)).await.unwrap();
    drop(transaction);
    bench.within(signal.send_in(&database, "after", &8)).await.unwrap();
    assert!(bench.tasks().await.iter().all(|task| task.sender.as_deref() == Some("after")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_savepoint_that_is_rolled_back_takes_its_tasks_with_it() {
    let bench = Bench::new();
    let (database, signal) = (database(&bench).await, two("tests.orm.savepoint", ["tests.orm.s1", "tests.orm.s2"]));
    bench
        .within(async {
            let transaction = begin_immediate(&database).await?;
            signal.send_in(&transaction, "outer", &1).await?;
            let savepoint = transaction.begin().await?;
            signal.send_in(&savepoint, "rolled back", &2).await?;
            savepoint.rollback().await?;
            let savepoint = transaction.begin().await?;
            signal.send_in(&savepoint, "kept", &3).await?;
            savepoint.commit().await?;
            transaction.commit().await?;
            Ok::<(), BoxError>(())
        })
        .await
        .unwrap();
    let senders: Vec<_> = bench.tasks().await.into_iter().map(|task| task.sender.unwrap()).collect();
    assert_eq!(senders, ["outer", "outer", "kept", "kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_signalposts_tables_is_an_error_that_says_so() {
    let bench = Bench::new();
    let signal = two("tests.orm.tables", ["tests.orm.t1", "tests.orm.t2"]);
    let elsewhere = connect(&bench.path.with_file_name("elsewhere.db")).await;
    let error = bench.within(signal.send_in(&elsewhere, Sender::NONE, &1)).await.unwrap_err();
    assert!(error.downcast_ref::<StoreError>().unwrap().is_without_tables());
    assert!(error.to_string().starts_with("the database of this connection has no signalpost tables"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn begin_immediate_takes_the_write_lock_at_once() {
    let bench = Bench::new();
    let database = database(&bench).await;
    let transaction = begin_immediate(&database).await.unwrap();
    let error: DbErr = begin_immediate(&database).await.unwrap_err();
    assert!(error.to_string().contains("locked"), "{error}");
    transaction.rollback().await.unwrap();
    begin_immediate(&database).await.unwrap().commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_send_inside_a_transaction_ends_in_an_error_that_names_send_in() {
    let bench = Bench::with(|options| options.busy_timeout(Duration::from_millis(50)));
    let (database, signal) = (database(&bench).await, two("tests.orm.plain", ["tests.orm.l1", "tests.orm.l2"]));
    let transaction = begin_immediate(&database).await.unwrap();
    let error = bench.within(signal.asend(Sender::NONE, &1)).await.unwrap_err();
    assert!(error.to_string().contains("send on it with send_in"), "{error}");
    bench.within(signal.send_in(&transaction, Sender::NONE, &1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(bench.tasks().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inline_receiver_that_raises_leaves_the_transaction_as_it_was() {
    let bench = Bench::new();
    let (database, signal) = (database(&bench).await, two("tests.orm.raises", ["tests.orm.r1", "tests.orm.r2"]));
    signal.connect(|event: &Event<u32>| if *event.payload == 0 { Err("no order 0") } else { Ok(()) });
    let transaction = begin_immediate(&database).await.unwrap();
    transaction.execute_unprepared("INSERT INTO orders (id) VALUES (1)").await.unwrap();
    assert!(bench.within(signal.send_in(&transaction, Sender::NONE, &0)).await.is_err());
    transaction.commit().await.unwrap();
    assert_eq!((orders(&bench), bench.tasks().await.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_within_joins_the_transaction() {
    let bench = Bench::new();
    let (database, outer) = (database(&bench).await, two("tests.orm.outer", ["tests.orm.o1", "tests.orm.o2"]));
    let inner = two("tests.orm.inner", ["tests.orm.i1", "tests.orm.i2"]);
    outer.connect(move |event: &Event<u32>| -> Result<(), SendError> {
        inner.send_within(event, Sender::NONE, event.payload).map(drop)
    });
    for (committed, tasks) in [(false, 0), (true, 4)] {
        let transaction = begin_immediate(&database).await.unwrap();
        bench.within(outer.send_in(&transaction, Sender::NONE, &1)).await.unwrap();
        if committed {
            transaction.commit().await.unwrap()
        } else {
            transaction.rollback().await.unwrap()
        }
        assert_eq!(bench.tasks().await.len(), tasks);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_signal_is_sent_in_the_transaction_too() {
    let bench = Bench::new();
    let (database, signal) = (database(&bench).await, AsyncSignal::<u32>::new("tests.orm.async"));
    signal.connect_with(named("tests.orm.async"), |_: &Event<u32>| ()).unwrap();
    for (committed, tasks) in [(false, 0), (true, 1)] {
        let transaction = begin_immediate(&database).await.unwrap();
        bench.within(signal.send_in(&transaction, Sender::NONE, &1)).await.unwrap();
        if committed {
            transaction.commit().await.unwrap()
        } else {
            transaction.rollback().await.unwrap()
        }
        assert_eq!(bench.tasks().await.len(), tasks);
    }
    bench.drain().await;
}
