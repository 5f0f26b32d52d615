//! Instances: read again, gone, and with a snapshot.

use crate::news::article;
use crate::on_each_database;
use crate::site::{Log, Place, Site, TOO_LONG};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseConnection, IntoActiveModel, ModelTrait};
use serde::{Deserialize, Serialize};
use signalpost::models::SaveAndSend;
use signalpost::{
    BoxError, Data, EndState, Event, Instance, RunningTask, Sender, Signal, Snapshot, State, WorkerError,
    begin_immediate, receiver,
};

on_each_database! {
    a_receiver_sees_the_newest
    a_worker_without_the_connection_does_not_start
    a_snapshot_is_as_it_was
    a_snapshot_of_another_shape_is_an_error
    what_cannot_be_written_is_an_error_of_the_send
    an_instance_is_read_in_a_transaction
    tasks_of_an_older_label_are_understood
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Read {
    article: Instance<article::Model>,
}

static READ: Signal<Read> = Signal::new("tests.read");

#[receiver(READ, background, queue = "reading", max_attempts = 1)]
async fn read(event: Event<'_, Read>, database: Data<DatabaseConnection>, log: Data<Log>) -> Result<(), BoxError> {
    #[derive(Debug, Deserialize)]
    struct Known {
        title: String,
    }
    let article = &event.payload.article;
    let now = article.load(&database).await?.map(|article| article.title);
    let then = article.snapshot::<Known>()?.map(|known| known.title);
    log.add(format!("{} {then:?} {now:?}", article.pk()));
    Ok(())
}

async fn one<P: Place>(site: &Site<P>) -> article::Model {
    let article =
        article::ActiveModel { title: Set("One".to_owned()), author: Set("Ada".to_owned()), ..Default::default() };
    article.insert(&site.database).await.unwrap()
}

async fn read_all<P: Place>(site: &Site<P>) -> Vec<String> {
    let log = Log::default();
    let worker = site.worker().queues(["reading"]).data(log.clone()).data(site.database.clone());
    tokio::time::timeout(TOO_LONG, worker.run_until_idle()).await.unwrap().unwrap();
    log.take()
}

async fn a_receiver_sees_the_newest<P: Place>() {
    let site = Site::<P>::new().await;
    let article = one(&site).await;
    site.within(READ.asend(Sender::NONE, &Read { article: Instance::of(&article) })).await.unwrap();
    let mut changed = article.into_active_model();
    changed.title = Set("Another".to_owned());
    changed.update(&site.database).await.unwrap();
    assert_eq!(read_all(&site).await, [r#"1 Some("One") Some("Another")"#]);
}

async fn a_worker_without_the_connection_does_not_start<P: Place>() {
    let site = Site::<P>::new().await;
    let started = site.worker().queues(["reading"]).data(Log::default()).run_until_idle().await;
    let error = started.unwrap_err();
    assert!(matches!(error, WorkerError::MissingData { needs, .. } if needs.ends_with("DatabaseConnection")));
    assert!(error.to_string().contains("hint: "), "{error}");
}

async fn a_snapshot_is_as_it_was<P: Place>() {
    let site = Site::<P>::new().await;
    let article = one(&site).await;
    let instance = Instance::of(&article);
    site.within(READ.asend(Sender::NONE, &Read { article: instance.clone() })).await.unwrap();
    let of_now = Snapshot::of(&serde_json::json!({ "title": "Chosen for this send" }));
    site.within(READ.asend(Sender::NONE, &Read { article: instance.with_snapshot(of_now) })).await.unwrap();
    let by_key = Instance::with_key(article.id);
    site.within(READ.asend(Sender::NONE, &Read { article: by_key })).await.unwrap();
    article.delete(&site.database).await.unwrap();
    let read = [r#"1 Some("One") None"#, r#"1 Some("Chosen for this send") None"#, "1 None None"];
    assert_eq!(read_all(&site).await, read);
}

async fn a_snapshot_of_another_shape_is_an_error<P: Place>() {
    let site = Site::<P>::new().await;
    let article = Instance::with_key(7).with_snapshot(Snapshot::of(&serde_json::json!({ "title": 7 })));
    site.within(READ.asend(Sender::NONE, &Read { article })).await.unwrap();
    assert!(read_all(&site).await.is_empty());
    let task = site.tasks().await.remove(0);
    assert_eq!(task.state, State::Ended(EndState::Dead));
    let reason = task.reason.unwrap();
    assert!(reason.contains("the snapshot of news.Article(7): ") && reason.contains("expected a string"), "{reason}");
}

/// What JSON cannot hold.
struct Unspeakable;

impl Serialize for Unspeakable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("there are no words for it"))
    }
}

async fn what_cannot_be_written_is_an_error_of_the_send<P: Place>() {
    let site = Site::<P>::new().await;
    let article = Instance::with_key(7).with_snapshot(Snapshot::of(&Unspeakable));
    let error = site.within(READ.asend(Sender::NONE, &Read { article })).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("there are no words for it") && text.contains("$.article"), "{text}");
    assert!(site.tasks().await.is_empty());
}

static READ_AT_ONCE: Signal<Read> = Signal::new("tests.read_at_once");

/// It reads in the transaction that its own success is part of.
#[receiver(READ_AT_ONCE, background, queue = "at once", atomic)]
async fn read_at_once(
    event: Event<'_, Read>,
    task: RunningTask,
    database: Data<DatabaseConnection>,
) -> Result<(), BoxError> {
    let transaction = task.begin(&database).await?;
    let article = event.payload.article.load(&transaction).await?.ok_or("it is gone")?;
    let mut article = article.into_active_model();
    article.body = Set(Some("read".to_owned()));
    article.update_and_send(&transaction).await?;
    transaction.commit().await?;
    Ok(())
}

async fn an_instance_is_read_in_a_transaction<P: Place>() {
    let site = Site::<P>::new().await;
    let article = Instance::of(&one(&site).await);
    let transaction = begin_immediate(&site.database).await.unwrap();
    assert!(article.load(&transaction).await.unwrap().is_some());
    site.within(READ_AT_ONCE.send_in(&transaction, Sender::NONE, &Read { article: article.clone() })).await.unwrap();
    transaction.commit().await.unwrap();

    let worker = site.worker().queues(["at once", "default"]).data(site.database.clone()).data(Log::default());
    tokio::time::timeout(TOO_LONG, worker.run_until_idle()).await.unwrap().unwrap();
    assert_eq!(article.load(&site.database).await.unwrap().unwrap().body.as_deref(), Some("read"));
    let [read, saved] = &site.tasks().await[..] else { panic!("the receiver's own save has one task") };
    assert_eq!((read.state, saved.state), (State::Ended(EndState::Succeeded), State::Ended(EndState::Succeeded)));
    assert_eq!(saved.parent, Some(read.id));
}

async fn tasks_of_an_older_label_are_understood<P: Place>() {
    let site = Site::<P>::new().await;
    let article =
        article::ActiveModel { title: Set("One".to_owned()), author: Set("Ada".to_owned()), ..Default::default() };
    site.within(article.insert_and_send(&site.database)).await.unwrap();
    let rename = "UPDATE signalpost_task SET signal = 'news.Story.post_save', sender = 'news.Story', \
                  payload = replace(payload, 'news.Article', 'news.Story')";
    site.database.execute_unprepared(rename).await.unwrap();
    assert_eq!(site.drain().await, ["news.Article.post_save saved 1 new title,author: there"]);
}
