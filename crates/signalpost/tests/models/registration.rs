//! What models' signals are called, and what is found connected to them.

use crate::news::article;
use crate::on_each_database;
use crate::site::{Log, Place, Site, Sqlite};
use sea_orm::ActiveValue::Set;
use signalpost::models::{
    DeleteAndSend, SaveAndSend, Saved, SignalEntity, WriteConnection, post_delete, post_save, pre_delete, pre_save,
};
use signalpost::{ConnectOptions, Event, Model, SendId, SendOptions, Sender, SenderType, begin_immediate, sender};
use std::time::Duration;

#[test]
fn a_signal_is_called_by_its_model() {
    assert_eq!(pre_save::<article::Entity>().name(), "news.Article.pre_save");
    assert_eq!(post_save::<article::Entity>().name(), "news.Article.post_save");
    assert_eq!(pre_delete::<article::Entity>().name(), "news.Article.pre_delete");
    assert_eq!(post_delete::<article::Entity>().name(), "news.Article.post_delete");
    assert_eq!(<article::Entity as SenderType>::LABEL, <article::Model as Model>::LABEL);
}

#[test]
fn what_receivers_are_declared_for_is_listed() {
    let signals = signalpost::signals().unwrap();
    let of_articles = signals.iter().find(|signal| signal.name == "news.Article.post_save").unwrap();
    let names: Vec<&str> = of_articles.receivers.iter().map(|connected| connected.receiver.name()).collect();
    assert!(names.contains(&"models::news::receivers::article::saved"), "{names:?}");
    assert!(names.contains(&"models::news::receivers::article::log_save"), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_connected_by_hand_has_the_model_and_the_sender() {
    let site = Site::<Sqlite>::new().await;
    let (log, seen) = (Log::default(), Log::default());
    let told = seen.clone();
    let connected = post_save::<article::Entity>().connect_with(
        ConnectOptions::new().sender(sender::<article::Entity>()),
        move |event: &Event<Saved<article::Entity>>| {
            let article = event.payload.model().expect("it runs inline");
            if article.author == "By hand" {
                told.add(format!("{:?} {}", event.sender, article.title));
            }
        },
    );
    let other = post_save::<article::Entity>()
        .connect_with(ConnectOptions::new().sender("news.Author"), move |_: &Event<Saved<article::Entity>>| {
            log.add("another sender".to_owned())
        });
    let article =
        article::ActiveModel { title: Set("One".to_owned()), author: Set("By hand".to_owned()), ..Default::default() };
    site.within(article.insert_and_send(&site.database)).await.unwrap();
    assert_eq!(seen.take(), [format!("{:?} One", Sender::label("news.Article"))]);
    connected.disconnect();
    other.disconnect();
}

on_each_database! {
    what_is_said_of_the_connection_is_said_of_the_tasks
}

async fn what_is_said_of_the_connection_is_said_of_the_tasks<P: Place>() {
    let site = Site::<P>::new().await;
    let article =
        || article::ActiveModel { title: Set("One".to_owned()), author: Set("Ada".to_owned()), ..Default::default() };
    let (hour, send_id) = (Duration::from_secs(3600), SendId::new());
    let options = SendOptions::new().delay(hour).priority(7).send_id(send_id);
    let urgent = site.database.with_options(options);
    let saved = site.within(article().insert_and_send(&urgent)).await.unwrap();

    let transaction = begin_immediate(&site.database).await.unwrap();
    let late = transaction.with_options(SendOptions::new().delay(hour));
    site.within(saved.delete_and_send(&late)).await.unwrap();
    site.within(article::Entity::insert_many_and_send(&late, [article(), article()])).await.unwrap();
    transaction.commit().await.unwrap();

    let [saved, others @ ..] = &site.tasks().await[..] else { panic!("a save has a task") };
    assert_eq!((&*saved.send_id, saved.priority), (&*send_id.to_string(), 7));
    assert_eq!(others.len(), 3);
    for task in [saved].into_iter().chain(others) {
        assert!(task.run_at >= task.created_at + 3_600_000, "{task:?}");
    }

    let refused = site.within(article::Entity::insert_many_and_send(&urgent, [article(), article()])).await;
    assert!(refused.unwrap_err().to_string().contains("hint: send each payload by itself"));
    assert_eq!(site.count::<article::Entity>().await, 2);
}
