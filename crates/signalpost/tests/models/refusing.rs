//! Writes that do not come about, and what is left of them.

use crate::news::{article, draft, note};
use crate::on_each_database;
use crate::site::{Place, Site, TOO_LONG};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, DbErr, EntityTrait, TransactionTrait};
use signalpost::begin_immediate;
use signalpost::models::{
    DeleteAndSend, Deleting, ModelError, SaveAndSend, Saved, Saving, SignalEntity, post_save, pre_delete, pre_save,
};
use signalpost::{Event, receiver};
use std::future::pending;
use std::sync::Mutex;
use tokio::sync::oneshot;

on_each_database! {
    a_receiver_of_pre_save_refuses
    a_receiver_of_pre_save_changes_what_is_written
    a_receiver_of_pre_delete_refuses
    an_error_of_post_save_undoes_the_write_on_a_pool
    an_error_of_post_save_is_undone_with_the_callers_savepoint
    an_error_of_a_hook_is_in_words
    what_is_not_there_cannot_be_updated
    a_write_that_is_dropped_is_undone
    the_methods_of_the_entity_are_called_as_seaorm_calls_them
    without_a_store_nothing_is_written
}

/// What authors make of their articles.
#[receiver(pre_save::<article::Entity>(), order = 1)]
fn look_at_the_author(event: &Event<Saving<article::Entity>>) -> Result<(), String> {
    event.payload.edit(|article| match article.author.try_as_ref().map(String::as_str) {
        Some("Nobody") => Err("nobody may not write".to_owned()),
        Some("Editor") => {
            article.author = Set("The editor".to_owned());
            article.body = Set(Some("…".to_owned()));
            Ok(())
        }
        _ => Ok(()),
    })
}

#[receiver(pre_delete::<article::Entity>(), order = 1)]
fn look_at_the_deleted(event: &Event<Deleting<article::Entity>>) -> Result<(), &'static str> {
    let author = event.payload.model.author.try_as_ref().map(String::as_str);
    if author == Some("Founder") { Err("the founder's articles stay") } else { Ok(()) }
}

#[receiver(post_save::<article::Entity>(), order = 1)]
fn look_at_the_saved(event: &Event<Saved<article::Entity>>) -> Result<(), &'static str> {
    match event.payload.model() {
        Some(article) if article.author == "Late" => Err("too late"),
        _ => Ok(()),
    }
}

#[receiver(pre_save::<note::Entity>(), order = 1)]
fn look_at_the_note(event: &Event<Saving<note::Entity>>) -> Result<(), &'static str> {
    let is_empty = event.payload.model().text.try_as_ref().is_some_and(String::is_empty);
    if is_empty { Err("a note has a text") } else { Ok(()) }
}

fn by(author: &str) -> article::ActiveModel {
    article::ActiveModel { title: Set("One".to_owned()), author: Set(author.to_owned()), ..Default::default() }
}

async fn a_receiver_of_pre_save_refuses<P: Place>() {
    let site = Site::<P>::new().await;
    let error = site.within(by("Nobody").save_and_send(&site.database)).await.unwrap_err();
    assert!(matches!(&error, ModelError::Refused(refused) if refused.receiver().is_some()), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("nothing was written: receiver ") && text.ends_with("nobody may not write"), "{text}");

    // The transaction goes on.
    let transaction = begin_immediate(&site.database).await.unwrap();
    site.within(by("Nobody").insert_and_send(&transaction)).await.unwrap_err();
    site.within(by("Ada").insert_and_send(&transaction)).await.unwrap();
    let many = [by("Ada"), by("Nobody")];
    site.within(article::Entity::insert_many_and_send(&transaction, many)).await.unwrap_err();
    transaction.commit().await.unwrap();
    assert_eq!((site.count::<article::Entity>().await, site.tasks().await.len()), (1, 1));
}

async fn a_receiver_of_pre_save_changes_what_is_written<P: Place>() {
    let site = Site::<P>::new().await;
    let article = site.within(by("Editor").insert_and_send(&site.database)).await.unwrap();
    assert_eq!((&*article.author, article.body.as_deref()), ("The editor", Some("…")));
    assert_eq!(site.told(), ["pre_save new title,author", "post_save 1 new title,author,body"]);
    let articles = site.within(article::Entity::insert_many_and_send(&site.database, [by("Editor")])).await.unwrap();
    assert_eq!(articles[0].author, "The editor");
}

async fn a_receiver_of_pre_delete_refuses<P: Place>() {
    let site = Site::<P>::new().await;
    let article = by("Founder").insert(&site.database).await.unwrap();
    let error = site.within(article.delete_and_send(&site.database)).await.unwrap_err();
    assert!(matches!(error, ModelError::Refused(_)), "{error}");
    assert_eq!((site.count::<article::Entity>().await, site.tasks().await.len()), (1, 0));
}

async fn an_error_of_post_save_undoes_the_write_on_a_pool<P: Place>() {
    let site = Site::<P>::new().await;
    let error = site.within(by("Late").save_and_send(&site.database)).await.unwrap_err();
    assert!(matches!(&error, ModelError::Sending(_)) && error.to_string().ends_with("too late"), "{error}");
    let many = [by("Ada"), by("Late")];
    site.within(article::Entity::insert_many_and_send(&site.database, many)).await.unwrap_err();
    assert_eq!((site.count::<article::Entity>().await, site.tasks().await.len()), (0, 0));

    by("Ada").insert(&site.database).await.unwrap();
    let late = Expr::value("Late");
    let update = article::Entity::update_many_and_send(&site.database, |articles| {
        articles.col_expr(article::Column::Author, late)
    });
    site.within(update).await.unwrap_err();
    let article = article::Entity::find().one(&site.database).await.unwrap().unwrap();
    assert_eq!((&*article.author, site.tasks().await.len()), ("Ada", 0));
}

async fn an_error_of_post_save_is_undone_with_the_callers_savepoint<P: Place>() {
    let site = Site::<P>::new().await;
    let transaction = begin_immediate(&site.database).await.unwrap();
    site.within(by("Ada").insert_and_send(&transaction)).await.unwrap();
    let savepoint = transaction.begin().await.unwrap();
    site.within(by("Late").insert_and_send(&savepoint)).await.unwrap_err();
    savepoint.rollback().await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!((site.count::<article::Entity>().await, site.tasks().await.len()), (1, 1));
}

async fn an_error_of_a_hook_is_in_words<P: Place>() {
    let site = Site::<P>::new().await;
    let note = note::ActiveModel { id: NotSet, text: Set(String::new()) };
    let error = site.within(note.insert(&site.database)).await.unwrap_err();
    assert!(matches!(&error, DbErr::Custom(text) if text.ends_with("a note has a text")), "{error}");
    assert_eq!(site.count::<note::Entity>().await, 0);
}

async fn what_is_not_there_cannot_be_updated<P: Place>() {
    let site = Site::<P>::new().await;
    let article = article::ActiveModel { id: Set(7), ..by("Ada") };
    let error = site.within(article.update_and_send(&site.database)).await.unwrap_err();
    assert!(matches!(error, ModelError::Database(DbErr::RecordNotUpdated)), "{error}");
    assert_eq!((site.told(), site.tasks().await.len()), (vec!["pre_save old title,author".to_owned()], 0));
}

/// Told when the receiver runs that never ends.
static RUNS: Mutex<Vec<oneshot::Sender<()>>> = Mutex::new(Vec::new());

#[receiver(post_save::<article::Entity>())]
async fn never_end(event: &Event<'_, Saved<article::Entity>>) {
    if event.payload.model().is_some_and(|article| article.author == "Slow") {
        for runs in RUNS.lock().unwrap().drain(..) {
            runs.send(()).unwrap();
        }
        pending::<()>().await;
    }
}

async fn a_write_that_is_dropped_is_undone<P: Place>() {
    let site = Site::<P>::new().await;
    let (tell, runs) = oneshot::channel();
    RUNS.lock().unwrap().push(tell);
    tokio::select! {
        _ = site.within(by("Slow").insert_and_send(&site.database)) => panic!("its receiver never ends"),
        told = runs => told.unwrap(),
        () = tokio::time::sleep(TOO_LONG) => panic!("its receiver does not run"),
    }
    // The write lock is free again, too.
    site.within(by("Ada").insert_and_send(&site.database)).await.unwrap();
    assert_eq!((site.count::<article::Entity>().await, site.tasks().await.len()), (1, 1));
}

async fn the_methods_of_the_entity_are_called_as_seaorm_calls_them<P: Place>() {
    let site = Site::<P>::new().await;
    let draft = draft::ActiveModel { text: Set("three small words".to_owned()), ..Default::default() };
    let draft = site.within(draft.insert_and_send(&site.database)).await.unwrap();
    assert_eq!(draft.words, 3);
    let told = ["before_save true", "pre_save new text,words", "after_save true", "post_save 1 new text,words"];
    assert_eq!(site.told(), told);

    let changed = draft::ActiveModel { id: Set(1), text: Set("two words".to_owned()), ..Default::default() };
    assert_eq!(site.within(changed.update_and_send(&site.database)).await.unwrap().words, 2);
    let told = ["before_save false", "pre_save old text,words", "after_save false", "post_save 1 old text,words"];
    assert_eq!(site.told(), told);

    site.within(draft.delete_and_send(&site.database)).await.unwrap();
    assert_eq!(site.told(), ["before_delete", "pre_delete 1", "after_delete", "post_delete 1 whole"]);
}

async fn without_a_store_nothing_is_written<P: Place>() {
    let site = Site::<P>::new().await;
    let saved = crate::site::TOLD.scope(Default::default(), by("Ada").insert_and_send(&site.database)).await;
    let error = saved.unwrap_err().to_string();
    assert!(error.starts_with("no store is installed") && error.contains("hint: "), "{error}");
    assert_eq!(site.count::<article::Entity>().await, 0);
}
