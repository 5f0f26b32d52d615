//! Receivers that commit their writes and their task's success together, with every client that can.

mod postgres;
mod sqlite;

use crate::clients::{Pool, Transaction, on_every_pool, unique};
use crate::{AT_ONCE, Bench, Finished, Log, Place, named};
use signalpost::{
    AsyncSignal, AtomicError, BoxError, EndState, Event, Outcome, Queue, RunningTask, Sender, Signal, State,
    running_task,
};
use signalpost_store::{ManualClock, RescueRequest};
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// A store, and a pool for its database.
async fn start<P: Place, D: Pool>() -> (Bench<P>, D) {
    start_with(None).await
}

async fn start_with<P: Place, D: Pool>(clock: Option<Arc<ManualClock>>) -> (Bench<P>, D) {
    let bench = Bench::<P>::open_with(clock.map(|clock| clock as _)).await;
    bench.place.run("CREATE TABLE booked (attempt INTEGER)");
    let pool = D::connect(&bench.place.url()).await;
    (bench, pool)
}

async fn book(transaction: &mut impl Transaction, attempt: u32) -> Result<(), BoxError> {
    transaction.run(&format!("INSERT INTO booked VALUES ({attempt})")).await
}

/// The attempts whose writes are there.
fn booked(place: &impl Place) -> Vec<i64> {
    place.numbers("SELECT attempt FROM booked ORDER BY attempt")
}

/// A signal with an atomic receiver.
fn atomic<D: Pool, Fut>(
    name: &str,
    pool: &D,
    run: impl Fn(RunningTask, D) -> Fut + Send + Sync + 'static,
) -> Signal<u32>
where
    Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let (name, pool) = (unique(name), pool.clone());
    let signal = Signal::new(name);
    let options = named(name).atomic(true).backoff(AT_ONCE).timeout(Duration::from_secs(60));
    signal.connect_background(options, move |_: &Event<u32>| run(running_task().unwrap(), pool.clone())).unwrap();
    signal
}

on_every_pool! {
    a_commit_completes_the_task_with_what_was_written
    what_is_not_committed_leaves_neither_and_the_task_is_tried_again
    who_returns_without_a_commit_has_failed
    what_happens_after_the_commit_changes_nothing
    an_overtaken_run_gets_no_transaction_and_writes_nothing
    tasks_sent_in_the_transaction_share_its_fate
    a_savepoint_that_is_rolled_back_leaves_the_rest_and_the_completion
    a_run_has_one_transaction_at_a_time_and_commits_one
    a_receiver_that_is_not_declared_atomic_is_told_to_declare_it
    a_queue_that_keeps_no_successes_keeps_none_of_these_either
    another_database_than_the_stores_is_refused
    a_commit_that_is_refused_is_a_failure_like_any_other
}

async fn a_commit_completes_the_task_with_what_was_written<P: Place, D: Pool>() {
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let (bench, pool) = start_with::<P, D>(Some(clock.clone())).await;
    let place = bench.place.clone();
    let signal = atomic("atomic.commit", &pool, move |task, pool| {
        let place = place.clone();
        async move {
            let mut tx = task.begin(&pool).await?;
            book(&mut *tx, 7).await?;
            // Nobody else sees either.
            for table in ["booked", "signalpost_history"] {
                assert_eq!(place.numbers(&format!("SELECT count(*) FROM {table}")), [0], "{table}");
            }
            Ok(tx.commit().await?)
        }
    });
    bench.within(signal.asend(Sender::NONE, &7)).await.unwrap();
    clock.advance(Duration::from_secs(3));
    let mut finished = Finished::of(signal.name());
    let working = bench.start(bench.worker());
    let end = finished.next().await;
    assert_eq!((end.attempt, end.outcome), (1, Outcome::Succeeded { result: None }));
    working.stop().await;
    let task = bench.task_of(signal.name()).await;
    assert_eq!((task.state, task.attempt, task.reason), (State::Ended(EndState::Succeeded), 1, None));
    assert_eq!(task.finished_at, Some(1_700_000_003_000), "by the store's clock");
    assert_eq!(booked(&*bench.place), [7]);
}

async fn what_is_not_committed_leaves_neither_and_the_task_is_tried_again<P: Place, D: Pool>() {
    let (bench, pool) = start::<P, D>().await;
    let signal = atomic("atomic.undone", &pool, |task, pool| async move {
        let mut tx = task.begin(&pool).await?;
        book(&mut *tx, task.attempt).await?;
        match task.attempt {
            1 => Err("with the transaction open".into()),
            2 => panic!("with the transaction open"),
            3 => {
                tx.rollback().await?;
                Err("after a rollback".into())
            }
            4 => {
                tx.rollback().await?;
                // What is wrong with the first may be said in a second.
                let mut tx = task.begin(&pool).await?;
                book(&mut *tx, 40).await?;
                Ok(tx.commit().await?)
            }
            _ => unreachable!("it has succeeded"),
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of(signal.name()).await;
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Succeeded), 4));
    assert_eq!(booked(&*bench.place), [40]);
}

async fn who_returns_without_a_commit_has_failed<P: Place, D: Pool>() {
    let (bench, pool) = start::<P, D>().await;
    let signal = atomic("atomic.forgets", &pool, |task, pool| async move {
        if task.attempt == 2 {
            let mut tx = task.begin(&pool).await?;
            book(&mut *tx, task.attempt).await?;
        }
        if task.attempt == 3 {
            task.begin(&pool).await?.commit().await?;
        }
        Ok(())
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of(signal.name()).await;
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Succeeded), 3));
    // A success keeps the reason of the last failure.
    let reason = task.reason.unwrap();
    assert!(reason.starts_with("declared atomic, but it returned without committing"), "{reason}");
    assert!(booked(&*bench.place).is_empty());
}

async fn what_happens_after_the_commit_changes_nothing<P: Place, D: Pool>() {
    let (bench, pool) = start::<P, D>().await;
    let signal = Signal::<u32>::new(unique("atomic.after"));
    for end in ["error", "panic", "timeout"] {
        let (name, pool) = (unique("atomic.after"), pool.clone());
        let run = move |_: &Event<u32>| {
            let (task, pool) = (running_task().unwrap(), pool.clone());
            async move {
                let mut tx = task.begin(&pool).await?;
                book(&mut *tx, task.attempt).await?;
                tx.commit().await?;
                match end {
                    "error" => Err("too late".into()),
                    "panic" => panic!("too late"),
                    _ => pending::<Result<(), BoxError>>().await,
                }
            }
        };
        // Should it strike before the commit, there is another attempt.
        let options = named(name).atomic(true).timeout(Duration::from_millis(300)).backoff(AT_ONCE);
        signal.connect_background(options, run).unwrap();
    }
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let tasks = bench.tasks().await;
    assert!(tasks.iter().all(|task| task.state == State::Ended(EndState::Succeeded)), "{tasks:?}");
    assert_eq!(booked(&*bench.place).len(), 3);
}

async fn an_overtaken_run_gets_no_transaction_and_writes_nothing<P: Place, D: Pool>() {
    let clock = Arc::new(ManualClock::new(1_700_000_000_000));
    let (bench, pool) = start_with::<P, D>(Some(clock.clone())).await;
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, mut refusals) = mpsc::unbounded_channel::<AtomicError>();
    let (has_begun, may_go) = (begun.clone(), go.clone());
    let signal = atomic("atomic.overtaken", &pool, move |task, pool| {
        let (has_begun, may_go, told) = (has_begun.clone(), may_go.clone(), told.clone());
        async move {
            if task.attempt > 1 {
                let mut tx = task.begin(&pool).await?;
                book(&mut *tx, task.attempt).await?;
                return Ok(tx.commit().await?);
            }
            // On a task of its own, as the worker drops the run when it learns that it was overtaken.
            tokio::spawn(async move {
                has_begun.notify_one();
                may_go.notified().await;
                let mut tx = match task.begin(&pool).await {
                    Ok(tx) => tx,
                    Err(refused) => return told.send(refused).unwrap(),
                };
                book(&mut *tx, task.attempt).await.unwrap();
                tx.commit().await.unwrap();
            })
            .await?;
            Err("overtaken".into())
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let mut finished = Finished::of(signal.name());
    let working = bench.start(bench.worker());
    begun.notified().await;
    clock.advance(Duration::from_secs(60));
    let rescuer = bench.store.register(Duration::from_secs(60)).await.unwrap().id;
    let request = RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 3 };
    assert_eq!(bench.store.rescue(&request).await.unwrap().len(), 1);
    bench.store.retire(&rescuer).await.unwrap();
    go.notify_one();
    let refused = refusals.recv().await.unwrap();
    assert!(refused.is_overtaken() && refused.to_string().contains("is not held by this run (attempt 1)"), "{refused}");
    assert_eq!(finished.next().await.attempt, 2);
    working.stop().await;
    assert_eq!(booked(&*bench.place), [2]);
    let task = bench.task_of(signal.name()).await;
    assert_eq!((task.state, task.deaths), (State::Ended(EndState::Succeeded), 1));
}

async fn tasks_sent_in_the_transaction_share_its_fate<P: Place, D: Pool>() {
    let (bench, pool) = start::<P, D>().await;
    let follows = Arc::new(Signal::<u32>::new(unique("atomic.follows")));
    follows.connect_background_blocking(named(unique("atomic.follow")), |_: &Event<u32>| ()).unwrap();
    let sent = follows.clone();
    let signal = atomic("atomic.sends", &pool, move |task, pool| {
        let follows = sent.clone();
        async move {
            let mut tx = task.begin(&pool).await?;
            follows.send_in(&mut tx, "on the wrapper", &task.attempt).await?;
            follows.send_in(tx.outbox(), "on the transaction", &task.attempt).await?;
            let mut savepoint = tx.savepoint().await;
            follows.send_in(savepoint.outbox(), "on the savepoint", &task.attempt).await?;
            savepoint.rollback().await;
            match task.attempt {
                1 => Ok(tx.rollback().await?),
                _ => Ok(tx.commit().await?),
            }
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let tasks = bench.tasks().await;
    let followed: Vec<_> = tasks[1..].iter().map(|task| (task.sender.as_deref(), task.parent)).collect();
    let parent = Some(tasks[0].id);
    assert_eq!(followed, [(Some("on the wrapper"), parent), (Some("on the transaction"), parent)]);
    assert_eq!(tasks[0].attempt, 2);
}

async fn a_savepoint_that_is_rolled_back_leaves_the_rest_and_the_completion<P: Place, D: Pool>() {
    let (bench, pool) = start::<P, D>().await;
    let signal = atomic("atomic.savepoint", &pool, |task, pool| async move {
        let mut tx = task.begin(&pool).await?;
        book(&mut *tx, 1).await?;
        let mut savepoint = tx.savepoint().await;
        book(&mut savepoint, 2).await?;
        savepoint.rollback().await;
        let mut savepoint = tx.savepoint().await;
        book(&mut savepoint, 3).await?;
        savepoint.commit().await;
        Ok(tx.commit().await?)
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    assert_eq!(booked(&*bench.place), [1, 3]);
    assert_eq!(bench.task_of(signal.name()).await.state, State::Ended(EndState::Succeeded));
}

async fn a_run_has_one_transaction_at_a_time_and_commits_one<P: Place, D: Pool>() {
    let ((bench, pool), log) = (start::<P, D>().await, Log::default());
    let says = log.clone();
    let signal = atomic("atomic.twice", &pool, move |task, pool| {
        let says = says.clone();
        async move {
            let tx = task.begin(&pool).await?;
            says.add(task.begin(&pool).await.unwrap_err().to_string());
            tx.commit().await?;
            says.add(task.begin(&pool).await.unwrap_err().to_string());
            Ok(())
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let said = log.take();
    assert!(said[0].contains("has an atomic transaction already\n  hint: use that"), "{said:?}");
    assert!(said[1].contains("is completed already"), "{said:?}");
    assert_eq!(bench.task_of(signal.name()).await.attempt, 1);
}

async fn a_receiver_that_is_not_declared_atomic_is_told_to_declare_it<P: Place, D: Pool>() {
    let ((bench, pool), log) = (start::<P, D>().await, Log::default());
    let (signal, shared) =
        (Signal::<u32>::new(unique("atomic.plain")), AsyncSignal::<u32>::new(unique("atomic.shared")));
    let begins = |pool: D, log: Log| {
        move |_: &Event<u32>| {
            let (task, pool, log) = (running_task().unwrap(), pool.clone(), log.clone());
            async move { log.add(task.begin(&pool).await.unwrap_err().to_string()) }
        }
    };
    signal.connect_background(named(signal.name()), begins(pool.clone(), log.clone())).unwrap();
    shared.connect_async_with(named(shared.name()), begins(pool.clone(), log.clone())).unwrap();
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    bench.within(shared.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let said = log.take();
    let expected = format!(
        "receiver `{}` is not declared atomic, so it cannot complete its task\n  hint: #[receiver(…, background, \
         atomic)], or BackgroundOptions::atomic(true)",
        signal.name()
    );
    assert_eq!(said[0], expected);
    let expected = format!("the receivers of the background signal `{}` run as one", shared.name());
    assert!(said[1].starts_with(&expected), "{said:?}");
}

async fn a_queue_that_keeps_no_successes_keeps_none_of_these_either<P: Place, D: Pool>() {
    let (bench, pool) = start::<P, D>().await;
    let signal = atomic("atomic.forgotten", &pool, |task, pool| async move {
        let mut tx = task.begin(&pool).await?;
        book(&mut *tx, task.attempt).await?;
        Ok(tx.commit().await?)
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain_with(bench.worker().queues([Queue::new("default").without_successes()])).await;
    assert!(bench.tasks().await.is_empty());
    assert_eq!(booked(&*bench.place), [1]);
}

async fn another_database_than_the_stores_is_refused<P: Place, D: Pool>() {
    let ((bench, _), log) = (start::<P, D>().await, Log::default());
    let ((elsewhere, other), without_tables) = (start::<P, D>().await, P::new());
    let (bare, says) = (D::connect(&without_tables.url()).await, log.clone());
    let signal = atomic("atomic.elsewhere", &other, move |task, other| {
        let (bare, says) = (bare.clone(), says.clone());
        async move {
            for database in [&bare, &other] {
                let refused = task.begin(database).await.unwrap_err();
                says.add(format!("{} {refused}", refused.is_overtaken()));
            }
            Err("nothing to begin".into())
        }
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let (mut finished, working) = (Finished::of(signal.name()), bench.start(bench.worker()));
    finished.next().await;
    working.stop().await;
    let said = log.take();
    assert!(said[0].starts_with("false the database of this connection"), "{said:?}");
    assert!(said[1].starts_with("true overtaken: ") && said[1].contains("another database"), "{said:?}");
    assert!(elsewhere.tasks().await.is_empty());
}

async fn a_commit_that_is_refused_is_a_failure_like_any_other<P: Place, D: Pool>() {
    let (bench, pool) = start::<P, D>().await;
    bench.place.run(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY); \
         CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    let signal = atomic("atomic.refused", &pool, |task, pool| async move {
        let mut tx = task.begin(&pool).await?;
        if task.attempt == 1 {
            // Found out at the commit.
            tx.run("INSERT INTO child VALUES (1)").await?;
        }
        book(&mut *tx, task.attempt).await?;
        Ok(tx.commit().await?)
    });
    bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of(signal.name()).await;
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Succeeded), 2));
    assert!(task.reason.unwrap().to_lowercase().contains("foreign key"));
    assert_eq!(booked(&*bench.place), [2]);
}

#[test]
fn blocking_code_and_receivers_of_background_signals_cannot_be_atomic() {
    let signal = Signal::<u32>::new("tests.atomic.blocking");
    let error = signal
        .connect_background_blocking(named("tests.atomic.blocking").atomic(true), |_: &Event<u32>| ())
        .unwrap_err();
    assert!(error.to_string().contains("cannot be atomic, because it is blocking code"), "{error}");
    let signal = AsyncSignal::<u32>::new("tests.atomic.beside");
    let error = signal.connect_with(named("tests.atomic.beside").atomic(true), |_: &Event<u32>| ()).unwrap_err();
    assert!(error.to_string().contains("whose receivers share one task that none of them can complete"), "{error}");
}
