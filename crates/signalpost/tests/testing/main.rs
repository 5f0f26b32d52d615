//! `signalpost::testing`, used as the tests of an application use it: signals and receivers are statics of one binary,
//! and its tests run side by side.

mod capturing;
mod enqueuing;
mod muting;
mod running;
mod time;

use serde::{Deserialize, Serialize};
use signalpost::testing::TestStore;
use signalpost::{BackgroundOptions, BoxError, Data, Event, Outbox, Signal, receiver};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

static ARTICLE_PUBLISHED: Signal<ArticlePublished> = Signal::new("news.article_published");

/// Accepts what is written and forgets it.
struct Forgets;

impl Outbox for &mut Forgets {
    async fn execute(&mut self, _sql: &str, json: &str) -> Result<u64, BoxError> {
        Ok(serde_json::from_str::<Vec<serde_json::Value>>(json)?.len() as u64)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ArticlePublished {
    title: String,
}

impl ArticlePublished {
    fn new(title: &str) -> Self {
        Self { title: title.to_owned() }
    }
}

/// Mail that was sent by receivers; as often as it is told to, it cannot be.
#[derive(Clone, Default)]
struct Mailer {
    sent: Arc<Mutex<Vec<String>>>,
    failures: Arc<Mutex<u32>>,
}

impl Mailer {
    fn failing(times: u32) -> Self {
        Self { failures: Arc::new(Mutex::new(times)), ..Self::default() }
    }

    fn send(&self, mail: String) -> Result<(), BoxError> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err("the mail server is down".into());
        }
        self.sent.lock().unwrap().push(mail);
        Ok(())
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }
}

#[receiver(ARTICLE_PUBLISHED, background, queue = "mail", max_attempts = 3)]
async fn email_subscribers(event: Event<'_, ArticlePublished>, mailer: Data<Mailer>) -> Result<(), BoxError> {
    mailer.send(format!("New: {}", event.payload.title))
}

/// The options of a background receiver called `name`.
fn named(name: &'static str) -> BackgroundOptions {
    BackgroundOptions::new().name(name)
}

/// What `run` panics with.
fn panic_of<T>(run: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(run)) else { panic!("it has not panicked") };
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}

#[tokio::test]
async fn an_article_that_is_published_is_mailed() -> Result<(), BoxError> {
    let mailer = Mailer::default();
    let store = TestStore::new().data(mailer.clone());
    store.scope(ARTICLE_PUBLISHED.asend("editor", &ArticlePublished::new("Harbour light burns again"))).await?;

    let enqueued = store.assert_enqueued("email_subscribers");
    assert_eq!((&*enqueued.queue, enqueued.sender.as_deref()), ("mail", Some("editor")));
    assert!(mailer.sent().is_empty());

    store.run_due().await?.assert_succeeded();
    assert_eq!(mailer.sent(), ["New: Harbour light burns again"]);
    store.assert_nothing_enqueued();
    Ok(())
}
