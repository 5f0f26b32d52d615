//! What waits in the store.

use crate::{ARTICLE_PUBLISHED, ArticlePublished, named, panic_of};
use signalpost::testing::TestStore;
use signalpost::{BoxError, Event, Sender, Signal, TaskId};
use signalpost_store::NewTask;
use std::time::Duration;

fn ignore(_: &Event<u32>) {}

#[tokio::test]
async fn what_waits_is_told_with_everything_that_it_carries() -> Result<(), BoxError> {
    let store = TestStore::new();
    let mut task = NewTask::new("tests.carries", "tests.carries", r#"{"title":"Käse"}"#);
    task.sender = Some("editor".to_owned());
    (task.queue, task.priority) = ("mail".to_owned(), -3);
    (task.delay, task.expires_in) = (Duration::from_secs(90), Some(Duration::from_secs(600)));
    (task.parent, task.reason) = (Some(TaskId(77)), Some("failed beside others".to_owned()));
    task.headers.insert("language".to_owned(), "de".to_owned());
    let users = task.headers.clone();
    task.headers.insert("signalpost-chain".to_owned(), "tests.before".to_owned());
    store.store().insert(vec![task.clone(), NewTask::new("tests.carries", "tests.carries", "1")]).await?;
    store.advance(Duration::from_secs(30));

    let enqueued = store.enqueued().await?;
    assert_eq!(enqueued.iter().map(|task| task.task.0).collect::<Vec<_>>(), [1, 2], "in the order of the sends");
    let found = &enqueued[0];
    assert_eq!((&*found.signal, &*found.receiver, &*found.queue), ("tests.carries", "tests.carries", "mail"));
    assert_eq!((&found.send_id, &found.sender), (&task.send_id.to_string(), &task.sender));
    assert_eq!((found.priority, found.attempt), (-3, 0));
    assert_eq!((found.due_in, found.expires_in), (Duration::from_secs(60), Some(Duration::from_secs(570))));
    assert_eq!((found.parent, &found.reason), (task.parent, &task.reason));
    assert_eq!(found.headers, users, "without signalpost's own");
    assert_eq!(found.payload::<ArticlePublished>(), ArticlePublished::new("Käse"));
    assert_eq!(enqueued[1].payload::<u32>(), 1);
    let panic = panic_of(|| enqueued[1].payload::<String>());
    assert!(panic.contains("as `alloc::string::String`: #2 tests.carries"), "{panic}");
    Ok(())
}

#[tokio::test]
async fn an_assertion_that_fails_lists_what_waits_instead() -> Result<(), BoxError> {
    let signal: Signal<u32> = Signal::new("tests.lists");
    signal.connect_background_blocking(named("shop::lists::one"), ignore)?;
    signal.connect_background_blocking(named("shop::lists::another").queue("mail"), ignore)?;
    let store = TestStore::new();
    assert_eq!(
        panic_of(|| store.assert_enqueued("one")),
        "no task instead of 1 wait for `one`; what waits in this store is no task"
    );
    store.scope(signal.asend(Sender::NONE, &7)).await?;
    for name in ["one", "lists::one", "shop::lists::one"] {
        assert_eq!(store.assert_enqueued(name).task.0, 1);
    }
    let list = "2 tasks:\n  \
                #1 tests.lists → shop::lists::one, queue `default`, due now: 7\n  \
                #2 tests.lists → shop::lists::another, queue `mail`, due now: 7";
    // Not the end of a word.
    assert_eq!(
        panic_of(|| store.assert_enqueued("other")),
        format!("no task instead of 1 wait for `other`; what waits in this store is {list}")
    );
    assert_eq!(panic_of(|| store.assert_nothing_enqueued()), format!("what waits in this store is {list}"));
    store.scope(signal.asend(Sender::NONE, &8)).await?;
    let panic = panic_of(|| store.assert_enqueued("one"));
    assert!(panic.starts_with("2 tasks instead of 1 wait for `one`;"), "{panic}");
    let both = store.assert_enqueued_times("one", 2);
    assert_eq!(both.iter().map(|task| task.payload::<u32>()).collect::<Vec<_>>(), [7, 8]);
    store.assert_enqueued_times("nobody", 0);
    Ok(())
}

#[tokio::test]
async fn long_lists_and_long_payloads_are_cut() {
    let store = TestStore::new();
    let long = format!("{:?}", "ä".repeat(500));
    store.store().insert(vec![NewTask::new("tests.long", "tests.long", long); 30]).await.unwrap();
    let panic = panic_of(|| store.assert_nothing_enqueued());
    assert!(panic.starts_with("what waits in this store is 30 tasks:") && panic.ends_with("ä…\n  …"), "{panic}");
    assert_eq!(panic.lines().count(), 22);
    assert!(panic.lines().all(|line| line.chars().count() < 200));
}

#[cfg(feature = "sqlx")]
#[tokio::test]
async fn the_applications_tables_can_be_in_the_same_file() -> Result<(), BoxError> {
    let mailer = crate::Mailer::default();
    let store = TestStore::new().data(mailer.clone());
    let pool = sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(store.path())).await?;
    sqlx::query("CREATE TABLE article (title TEXT NOT NULL)").execute(&pool).await?;
    for (title, commits) in [("Ebb", false), ("Flood", true)] {
        let mut transaction = signalpost::begin_immediate(&pool).await?;
        sqlx::query("INSERT INTO article VALUES (?)").bind(title).execute(&mut *transaction).await?;
        let published = ArticlePublished::new(title);
        store.scope(ARTICLE_PUBLISHED.send_in(&mut transaction, Sender::NONE, &published)).await?;
        if commits { transaction.commit().await? } else { transaction.rollback().await? }
    }
    assert_eq!(store.assert_enqueued("email_subscribers").payload::<ArticlePublished>().title, "Flood");
    store.advance(Duration::from_secs(1));
    store.run_due().await?.assert_succeeded();
    assert_eq!(mailer.sent(), ["New: Flood"]);
    Ok(())
}
