//! Sends under one id, made in several transactions at the same time.

use super::{senders, start, two};
use crate::Bench;
use crate::clients::wait_for;
use signalpost::{Response, SendError, SendId, SendOptions, Signal, begin_immediate, with_store};
use signalpost_postgres_server::TestDatabase;
use sqlx::{Executor, PgPool, Postgres, Transaction};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Everybody makes this send.
struct Once {
    bench: Bench<TestDatabase>,
    pool: PgPool,
    signal: Arc<Signal<u32>>,
    id: SendId,
}

impl Once {
    async fn new() -> Self {
        let (bench, pool) = start().await;
        Self { bench, pool, signal: Arc::new(two("outbox.postgres.once")), id: SendId::new() }
    }

    /// A transaction, in which `sql` is executed.
    async fn begin(&self, sql: &'static str) -> Transaction<'static, Postgres> {
        let mut transaction = begin_immediate(&self.pool).await.unwrap();
        transaction.execute(sql).await.unwrap();
        transaction
    }

    /// Sends in the transaction, from a task of its own: the send may have to wait.
    fn send(&self, sender: &'static str, mut transaction: Transaction<'static, Postgres>) -> Sending {
        let (signal, id) = (self.signal.clone(), self.id);
        tokio::spawn(with_store(self.bench.store.clone(), async move {
            let sent = signal.with(SendOptions::new().send_id(id)).send_in(&mut transaction, sender, &1).await;
            sent.map(|responses| {
                assert!(responses.iter().all(|(_, response)| *response == Response::Queued(id)), "{responses:?}");
                transaction
            })
        }))
    }

    /// Returns when somebody waits for a lock that somebody else holds.
    fn until_one_waits(&self) {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND wait_event_type = 'Lock'";
        wait_for(&*self.bench.place, 1, waiting);
    }

    async fn senders(&self) -> Vec<String> {
        senders(&self.bench).await
    }
}

type Sending = JoinHandle<Result<Transaction<'static, Postgres>, SendError>>;

const READ_COMMITTED: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
/// And a look, with which the snapshot is taken.
const REPEATABLE_READ: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM signalpost_task";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn of_many_sends_at_the_same_time_one_writes_the_tasks() {
    let once = Once::new().await;
    let mut sends = Vec::new();
    for number in 0..20 {
        let (signal, id, pool) = (once.signal.clone(), once.id, once.pool.clone());
        sends.push(tokio::spawn(with_store(once.bench.store.clone(), async move {
            let with = signal.with(SendOptions::new().send_id(id));
            if number % 2 == 0 {
                return with.asend("the store's connection", &1).await;
            }
            let mut transaction = begin_immediate(&pool).await.unwrap();
            let sent = with.send_in(&mut transaction, "the sender's", &1).await;
            transaction.commit().await.unwrap();
            sent
        })));
    }
    for send in sends {
        assert_eq!(send.await.unwrap().unwrap()[0].1, Response::Queued(once.id));
    }
    assert_eq!(once.senders().await.len(), 2);
    once.bench.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_send_waits_for_the_same_one_and_writes_nothing_if_that_commits() {
    let once = Once::new().await;
    let first = once.send("first", once.begin(READ_COMMITTED).await).await.unwrap().unwrap();
    let second = once.send("second", once.begin(READ_COMMITTED).await);
    once.until_one_waits();
    first.commit().await.unwrap();
    second.await.unwrap().unwrap().commit().await.unwrap();
    assert_eq!(once.senders().await, ["first", "first"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_send_waits_for_the_same_one_and_writes_the_tasks_if_that_is_rolled_back() {
    let once = Once::new().await;
    let first = once.send("first", once.begin(READ_COMMITTED).await).await.unwrap().unwrap();
    let second = once.send("second", once.begin(READ_COMMITTED).await);
    once.until_one_waits();
    first.rollback().await.unwrap();
    second.await.unwrap().unwrap().commit().await.unwrap();
    assert_eq!(once.senders().await, ["second", "second"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn at_repeatable_read_the_one_that_cannot_see_the_other_is_told_to_begin_again() {
    let once = Once::new().await;
    // Committed since the snapshot was taken; and while the send waits.
    let early = once.begin(REPEATABLE_READ).await;
    let first = once.send("first", once.begin(REPEATABLE_READ).await).await.unwrap().unwrap();
    let waits = once.send("waits", once.begin(REPEATABLE_READ).await);
    once.until_one_waits();
    first.commit().await.unwrap();
    for send in [waits, once.send("early", early)] {
        let error = send.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("hint: what somebody else has committed is in the way"), "{error}");
    }
    // Begun again it sees that there is nothing to write.
    once.send("again", once.begin(REPEATABLE_READ).await).await.unwrap().unwrap().commit().await.unwrap();
    assert_eq!(once.senders().await, ["first", "first"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn who_waits_too_long_for_the_same_send_is_told_what_to_look_for() {
    let once = Once::new().await;
    let first = once.send("first", once.begin(READ_COMMITTED).await).await.unwrap().unwrap();
    let second = once.begin("SET LOCAL lock_timeout = 50").await;
    let error = once.send("second", second).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("hint: a transaction that has made the same send is kept open"), "{error}");
    first.rollback().await.unwrap();
    assert!(once.senders().await.is_empty());
}
