//! Tasks run by the test itself.

use crate::{ARTICLE_PUBLISHED, ArticlePublished, Mailer, named, panic_of};
use signalpost::testing::{RunError, TestStore};
use signalpost::{
    AsyncSignal, BackgroundOptions, BoxError, EndState, Event, Failure, Next, Outcome, Permanent, RunningTask, Sender,
    Signal, State, Success, TASK_FINISHED, with_store,
};
use signalpost_store::NewTask;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

const HOUR: Duration = Duration::from_secs(3600);

fn ignore(_: &Event<u32>) {}

fn receivers(runs: &[signalpost::testing::Ran]) -> Vec<&str> {
    runs.iter().map(|ran| &*ran.receiver).collect()
}

#[tokio::test]
async fn what_is_due_runs_in_order_whatever_its_queue_and_so_does_what_follows() {
    static FOLLOWS: Signal<u32> = Signal::new("tests.order.follows");
    FOLLOWS.connect_background_blocking(named("tests.order.followed").priority(9), ignore).unwrap();
    let signal: Signal<u32> = Signal::new("tests.order");
    let low = named("tests.order.low").priority(-1);
    signal.connect_background_blocking(low, |_: &Event<u32>| FOLLOWS.send(Sender::NONE, &1).map(drop)).unwrap();
    signal.connect_background_blocking(named("tests.order.mail").queue("mail"), ignore).unwrap();
    signal.connect_background_blocking(named("tests.order.plain"), ignore).unwrap();
    signal.connect_background_blocking(named("tests.order.high").priority(5).queue("slow"), ignore).unwrap();

    let store = TestStore::new();
    store.scope_blocking(|| signal.send(Sender::NONE, &1)).unwrap();
    let runs = store.run_due().await.unwrap();
    let order =
        ["tests.order.high", "tests.order.mail", "tests.order.plain", "tests.order.low", "tests.order.followed"];
    assert_eq!(receivers(&runs), order);
    assert_eq!(runs[4].parent, Some(runs[3].task));
    runs.assert_succeeded();
    assert!(store.run_due().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_task_that_failed_waits_until_the_clock_is_moved() -> Result<(), BoxError> {
    let mailer = Mailer::failing(1);
    let store = TestStore::new().data(mailer.clone());
    store.scope(ARTICLE_PUBLISHED.asend(Sender::NONE, &ArticlePublished::new("Ebb"))).await?;

    let runs = store.run_due().await?;
    assert_eq!(runs.failed().len(), 1);
    assert_eq!(runs.of("email_subscribers")[0].reason(), Some("the mail server is down"));
    let waiting = store.assert_enqueued("email_subscribers");
    assert!(waiting.due_in > Duration::ZERO && waiting.attempt == 1, "{waiting}");
    assert!(store.run_due().await?.is_empty());

    store.advance(waiting.due_in);
    let runs = store.run_due().await?;
    assert_eq!((runs.succeeded().len(), runs[0].attempt), (1, 2));
    assert_eq!(mailer.sent(), ["New: Ebb"]);
    Ok(())
}

#[tokio::test]
async fn run_all_makes_every_attempt_without_waiting() -> Result<(), BoxError> {
    let store = TestStore::new().data(Mailer::failing(9));
    store.scope(ARTICLE_PUBLISHED.asend(Sender::NONE, &ArticlePublished::new("Flood"))).await?;
    let runs = store.run_all(HOUR).await?;
    assert_eq!(runs.iter().map(|ran| ran.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(runs[2].outcome, Outcome::Dead { reason: "failure 3 of 3: the mail server is down".to_owned() });
    let dead = store.store().task(runs[2].task).await?.ok_or("no such task")?;
    assert_eq!(dead.state, State::Ended(EndState::Dead));
    let took = Duration::from_millis(u64::try_from(dead.finished_at.unwrap_or(0) - dead.created_at)?);
    assert!((Duration::from_millis(1_500)..=Duration::from_secs(3)).contains(&took), "{took:?} by the store's clock");
    Ok(())
}

#[tokio::test]
async fn run_all_leaves_what_is_due_later_than_it_was_told() -> Result<(), BoxError> {
    let signal: Signal<u32> = Signal::new("tests.later");
    signal.connect_background_blocking(named("tests.later"), ignore)?;
    let store = TestStore::new();
    let delayed = |seconds: u64| {
        let mut task = NewTask::new("tests.later", "tests.later", "1");
        task.delay = Duration::from_secs(seconds);
        task
    };
    store.store().insert([30, 10, 100].map(delayed).to_vec()).await?;
    let runs = store.run_all(Duration::from_secs(30)).await?;
    assert_eq!(runs.iter().map(|ran| ran.task.0).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(store.assert_enqueued("tests.later").due_in, Duration::from_secs(70));
    assert!(store.run_all(Duration::from_secs(60)).await?.is_empty());
    assert_eq!(store.assert_enqueued("tests.later").due_in, Duration::from_secs(10));
    assert_eq!(store.run_all(Duration::MAX).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn failures_are_judged_as_by_a_worker() -> Result<(), BoxError> {
    let signal: Signal<u32> = Signal::new("tests.judged");
    signal.connect_background_blocking(named("tests.judged.never"), |_: &Event<u32>| {
        Err::<(), _>(Permanent::new("no"))
    })?;
    signal.connect_background_blocking(named("tests.judged.panics"), |_: &Event<u32>| {
        if true {
            panic!("oh")
        }
    })?;
    let store = TestStore::new();
    store.scope(signal.asend(Sender::NONE, &1)).await?;
    store.store().insert(vec![NewTask::new("tests.judged", "tests.judged.nobody", "1")]).await?;
    let runs = store.run_due().await?;
    assert!(matches!(&runs[0].outcome, Outcome::Dead { reason } if reason == "no"), "{runs}");
    assert!(matches!(&runs[1].outcome, Outcome::Retry { reason, .. } if reason == "panicked: oh"), "{runs}");
    assert!(matches!(&runs[2].outcome, Outcome::Deferred { .. }), "{runs}");
    assert_eq!(runs[2].reason(), Some("no receiver named `tests.judged.nobody` is registered"));
    // It is looked for until the grace of an hour is over.
    let runs = store.run_all(2 * HOUR).await?;
    let last = runs.of("nobody").into_iter().chain(runs.of("tests.judged.nobody")).next_back().cloned();
    assert!(matches!(last.map(|ran| ran.outcome), Some(Outcome::Dead { .. })), "{runs}");
    Ok(())
}

#[tokio::test]
async fn a_receiver_without_its_data_is_an_error_that_names_both_and_the_task_waits() -> Result<(), BoxError> {
    let store = TestStore::new();
    store.scope(ARTICLE_PUBLISHED.asend(Sender::NONE, &ArticlePublished::new("Fog"))).await?;
    let error = store.run_due().await.unwrap_err();
    assert!(matches!(error, RunError::MissingData { .. }));
    let text = format!("{error:?}");
    let parts =
        ["receiver `testing::email_subscribers` takes `Data<testing::Mailer>`", "\n  hint: ", "TestStore::data"];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    let waiting = store.assert_enqueued("email_subscribers");
    assert_eq!((waiting.attempt, waiting.due_in), (0, Duration::ZERO));
    // A receiver that nobody sends to needs nothing.
    assert!(TestStore::new().run_due().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_sends_its_own_signal_is_cut_off() -> Result<(), BoxError> {
    static LOOP: Signal<u32> = Signal::new("tests.loop");
    LOOP.connect_background_blocking(named("tests.loop"), |_: &Event<u32>| LOOP.send(Sender::NONE, &1).map(drop))?;
    let store = TestStore::new();
    store.scope(LOOP.asend(Sender::NONE, &1)).await?;
    let runs = store.run_due().await?;
    assert_eq!((runs.len(), runs.failed().len()), (51, 1));
    assert!(runs[50].reason().is_some_and(|reason| reason.contains("never ends")), "{runs}");
    Ok(())
}

#[tokio::test]
async fn receivers_that_multiply_end_in_an_error_that_shows_the_way() -> Result<(), BoxError> {
    static PING: Signal<u32> = Signal::new("tests.ping");
    static PONG: Signal<u32> = Signal::new("tests.pong");
    PING.connect_background_blocking(named("tests.ping"), |_: &Event<u32>| -> Result<(), BoxError> {
        PONG.send(Sender::NONE, &1)?;
        PONG.send(Sender::NONE, &1)?;
        Ok(())
    })?;
    PONG.connect_background_blocking(named("tests.pong"), |_: &Event<u32>| PING.send(Sender::NONE, &1).map(drop))?;
    let store = TestStore::new().max_runs(20);
    store.scope(PING.asend(Sender::NONE, &1)).await?;
    let error = store.run_due().await.unwrap_err().to_string();
    let chain = "chain: tests.ping → tests.pong → tests.ping → tests.pong → tests.ping → tests.pong";
    assert!(error.starts_with("20 tasks have run") && error.contains(chain), "{error}");
    assert!(error.contains("\n  hint: "), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_background_signals_receivers_run_and_those_that_fail_follow() -> Result<(), BoxError> {
    static PAID: AsyncSignal<u32> = AsyncSignal::new("tests.paid").queue("till");
    PAID.connect_with(named("tests.paid.fails"), |event: &Event<u32>| {
        match event.context::<signalpost::RunningTask>() {
            Some(task) if task.receiver == "*" => Err("not now"),
            _ => Ok(()),
        }
    })?;
    PAID.connect_with(named("tests.paid.prints"), ignore)?;
    let store = TestStore::new();
    store.scope(PAID.asend(Sender::NONE, &1250)).await?;
    assert_eq!(store.assert_enqueued("*").payload::<u32>(), 1250);
    let runs = store.run_all(HOUR).await?;
    assert_eq!(receivers(&runs), ["*", "tests.paid.fails"]);
    runs.assert_succeeded();
    Ok(())
}

#[tokio::test]
async fn a_receiver_sends_to_the_store_that_it_runs_for_whatever_scope_the_test_is_in() -> Result<(), BoxError> {
    static FIRST: Signal<u32> = Signal::new("tests.scopes.first");
    static SECOND: Signal<u32> = Signal::new("tests.scopes.second");
    async fn send_on(_: &Event<'_, u32>) -> Result<(), BoxError> {
        SECOND.asend(Sender::NONE, &1).await?;
        Ok(())
    }
    FIRST.connect_background(named("tests.scopes.first"), send_on)?;
    SECOND.connect_background_blocking(named("tests.scopes.second"), ignore)?;
    let (store, other) = (TestStore::new(), TestStore::new());
    store.scope(FIRST.asend(Sender::NONE, &1)).await?;
    let runs = with_store(other.store(), store.run_due()).await?;
    assert_eq!(receivers(&runs), ["tests.scopes.first", "tests.scopes.second"]);
    assert!(other.store().counts().await?.is_idle());
    Ok(())
}

#[test]
fn tests_side_by_side_do_not_see_each_other() {
    static COUNTED: Signal<u32> = Signal::new("tests.parallel");
    static RAN: AtomicU32 = AtomicU32::new(0);
    let count = |event: &Event<u32>| {
        RAN.fetch_add(*event.payload, SeqCst);
    };
    COUNTED.connect_background_blocking(named("tests.parallel"), count).unwrap();
    std::thread::scope(|threads| {
        for number in 1..=4 {
            threads.spawn(move || {
                let store = TestStore::new();
                let captured = store.capture(&COUNTED);
                for _ in 0..5 {
                    store.scope_blocking(|| COUNTED.send(Sender::NONE, &number)).unwrap();
                }
                assert_eq!(captured.payloads(), [number; 5]);
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                assert_eq!(runtime.block_on(store.run_due()).unwrap().succeeded().len(), 5);
            });
        }
    });
    assert_eq!(RAN.load(SeqCst), 5 * (1 + 2 + 3 + 4));
}

#[tokio::test]
async fn what_is_told_of_tasks_is_told_in_the_stores_scope() -> Result<(), BoxError> {
    let store = TestStore::new().data(Mailer::default());
    let finished = store.capture(&TASK_FINISHED);
    store.scope(ARTICLE_PUBLISHED.asend(Sender::NONE, &ArticlePublished::new("Calm"))).await?;
    store.run_due().await?;
    assert_eq!(finished.assert_once().receiver, "testing::email_subscribers");
    Ok(())
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_its_task_to_the_next_one() -> Result<(), BoxError> {
    let signal: Signal<u32> = Signal::new("tests.given_up");
    let (begun, hangs) = (Arc::new(Notify::new()), Arc::new(Mutex::new(true)));
    let has_begun = begun.clone();
    signal.connect_background(named("tests.given_up"), {
        fn of<F: for<'a> Fn(&'a Event<'a, u32>) -> futures_util::future::BoxFuture<'a, ()>>(function: F) -> F {
            function
        }
        of(move |_| {
            let (has_begun, hangs) = (has_begun.clone(), std::mem::take(&mut *hangs.lock().unwrap()));
            Box::pin(async move {
                has_begun.notify_one();
                if hangs {
                    pending::<()>().await;
                }
            })
        })
    })?;
    let store = TestStore::new();
    store.scope(signal.asend(Sender::NONE, &1)).await?;
    tokio::select! {
        ran = store.run_due() => panic!("{ran:?}"),
        () = begun.notified() => {}
    }
    let runs = store.run_due().await?;
    assert_eq!((runs.succeeded().len(), runs[0].attempt), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_middleware_runs_around_every_run() -> Result<(), BoxError> {
    async fn excuses(task: RunningTask, next: Next) -> Result<Success, Failure> {
        next.run().await.map_err(|failure| Failure::permanent(format!("{}: {}", task.receiver, failure.reason)))
    }
    let signal: Signal<u32> = Signal::new("tests.wrapped");
    signal.connect_background_blocking(named("tests.wrapped"), |_: &Event<u32>| Err::<(), _>("no"))?;
    let store = TestStore::new().wrap(excuses);
    store.scope(signal.asend(Sender::NONE, &1)).await?;
    let runs = store.run_due().await?;
    assert_eq!(runs[0].outcome, Outcome::Dead { reason: "tests.wrapped: no".to_owned() });
    Ok(())
}

#[cfg(feature = "sqlx")]
#[tokio::test]
async fn what_an_atomic_receiver_commits_is_its_tasks_success() -> Result<(), BoxError> {
    let store = TestStore::new();
    let pool = sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(store.path())).await?;
    sqlx::query("CREATE TABLE booked (attempt INTEGER)").execute(&pool).await?;
    let (signal, database) = (Signal::<u32>::new("tests.atomic"), pool.clone());
    signal.connect_background(named("tests.atomic").atomic(true), move |_: &Event<u32>| {
        let (task, pool) = (signalpost::running_task(), database.clone());
        async move {
            let task = task.ok_or("there is no task")?;
            let mut transaction = task.begin(&pool).await?;
            sqlx::query("INSERT INTO booked VALUES (?1)").bind(task.attempt).execute(&mut **transaction).await?;
            if task.attempt == 1 {
                return Err(BoxError::from("not yet"));
            }
            transaction.commit().await?;
            Ok(())
        }
    })?;
    store.scope(signal.asend(Sender::NONE, &1)).await?;
    let runs = store.run_all(HOUR).await?;
    assert_eq!((runs.len(), runs.succeeded().len()), (2, 1), "{runs}");
    let booked: Vec<u32> = sqlx::query_scalar("SELECT attempt FROM booked").fetch_all(&pool).await?;
    assert_eq!(booked, [2]);
    let task = store.store().task(runs[1].task).await?.ok_or("no such task")?;
    assert_eq!(task.state, State::Ended(EndState::Succeeded));
    Ok(())
}

#[tokio::test]
async fn a_failing_assertion_shows_what_ran() -> Result<(), BoxError> {
    let signal: Signal<u32> = Signal::new("tests.shown");
    let fails = BackgroundOptions::new().name("tests.shown.fails").max_attempts(1);
    signal.connect_background_blocking(fails, |_: &Event<u32>| Err::<(), _>("no"))?;
    signal.connect_background_blocking(named("tests.shown.works"), ignore)?;
    let store = TestStore::new();
    store.scope(signal.asend(Sender::NONE, &1)).await?;
    let runs = store.run_due().await?;
    assert_eq!(
        panic_of(|| runs.assert_succeeded()),
        "not all runs succeeded: 2 runs\n  \
         #1 tests.shown → tests.shown.fails, attempt 1: dead: failure 1 of 1: no\n  \
         #2 tests.shown → tests.shown.works, attempt 1: succeeded"
    );
    let nothing = store.run_due().await?;
    assert_eq!(panic_of(|| nothing.assert_succeeded()), "nothing was due, so nothing ran");
    Ok(())
}
