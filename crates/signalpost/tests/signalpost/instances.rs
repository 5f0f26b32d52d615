//! Models in payloads: the key travels, the model is read when the task runs.

use crate::{Bench, Log, named};
use serde::{Deserialize, Serialize};
use signalpost::{BoxError, EndState, Event, Instance, Load, Model, Sender, Signal, State};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Found by two keys together.
#[derive(Debug, Clone, PartialEq)]
struct Seat {
    row: String,
    number: u32,
    taken_by: Option<String>,
}

impl Model for Seat {
    const LABEL: &'static str = "hall.Seat";
    type Key = (String, u32);

    fn key(&self) -> Self::Key {
        (self.row.clone(), self.number)
    }
}

/// Somewhere to read seats from, written by hand.
#[derive(Clone, Default)]
struct Hall(Arc<Mutex<HashMap<(String, u32), Seat>>>);

impl Hall {
    fn put(&self, seat: Seat) {
        self.0.lock().unwrap().insert(seat.key(), seat);
    }
}

impl Load<Seat> for Hall {
    async fn load(&self, key: &(String, u32)) -> Result<Option<Seat>, BoxError> {
        if key.1 == 13 {
            return Err("there is no seat 13".into());
        }
        Ok(self.0.lock().unwrap().get(key).cloned())
    }
}

fn seat(number: u32) -> Seat {
    Seat { row: "K".to_owned(), number, taken_by: None }
}

/// An instance under any name, and one that may be missing.
#[derive(Debug, Serialize, Deserialize)]
struct Reserved {
    seat: Instance<Seat>,
    instead_of: Option<Instance<Seat>>,
}

/// A signal whose receiver reads the seats and writes down what it found.
fn reserving(name: &'static str, hall: &Hall) -> (Signal<Reserved>, Log) {
    let (signal, log) = (Signal::new(name), Log::default());
    let (hall, seen) = (hall.clone(), log.clone());
    let read = move |event: &Event<Reserved>| {
        let (hall, log) = (hall.clone(), seen.clone());
        let (seat, instead) = (event.payload.seat.clone(), event.payload.instead_of.clone());
        async move {
            log.add(format!("{:?} {:?} {:?}", seat.pk(), seat.load(&hall).await?, instead));
            Ok::<(), BoxError>(())
        }
    };
    signal.connect_background(named(name).max_attempts(1), read).unwrap();
    (signal, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_sees_what_has_changed_since_the_send() {
    let (bench, hall) = (Bench::new(), Hall::default());
    let (signal, log) = reserving("tests.instances.changed", &hall);
    hall.put(seat(1));
    let reserved = Reserved { seat: Instance::of(&seat(1)), instead_of: Some(Instance::with_key(("A".into(), 2))) };
    bench.within(signal.asend("hall.Desk", &reserved)).await.unwrap();
    hall.put(Seat { taken_by: Some("Ada".to_owned()), ..seat(1) });
    bench.drain().await;
    let changed = Seat { taken_by: Some("Ada".to_owned()), ..seat(1) };
    assert_eq!(log.take(), [format!(r#"("K", 1) {:?} Some(hall.Seat(("A", 2)))"#, Some(changed))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_gone_is_none_and_its_key_is_known() {
    let (bench, hall) = (Bench::new(), Hall::default());
    let (signal, log) = reserving("tests.instances.gone", &hall);
    hall.put(seat(2));
    let reserved = Reserved { seat: Instance::of(&seat(2)), instead_of: None };
    bench.within(signal.asend(Sender::NONE, &reserved)).await.unwrap();
    hall.0.lock().unwrap().clear();
    bench.drain().await;
    assert_eq!(log.take(), [r#"("K", 2) None None"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_key_and_the_label_stand_in_the_row() {
    let (bench, hall) = (Bench::new(), Hall::default());
    let (signal, _) = reserving("tests.instances.row", &hall);
    let reserved = Reserved { seat: Instance::of(&seat(3)), instead_of: None };
    bench.within(signal.asend(Sender::NONE, &reserved)).await.unwrap();
    let payload: String = bench.raw().query_row("SELECT payload FROM signalpost_task", [], |row| row.get(0)).unwrap();
    assert_eq!(payload, r#"{"seat":{"model":"hall.Seat","key":["K",3]},"instead_of":null}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_reading_is_the_receivers_failure() {
    let (bench, hall) = (Bench::new(), Hall::default());
    let (signal, _) = reserving("tests.instances.error", &hall);
    let reserved = Reserved { seat: Instance::of(&seat(13)), instead_of: None };
    bench.within(signal.asend(Sender::NONE, &reserved)).await.unwrap();
    bench.drain().await;
    let task = bench.task_of("tests.instances.error").await;
    assert_eq!(task.state, State::Ended(EndState::Dead));
    assert_eq!(task.reason.unwrap(), "failure 1 of 1: there is no seat 13");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_models_key_is_not_taken_for_this_ones() {
    let (bench, hall) = (Bench::new(), Hall::default());
    let (signal, log) = reserving("tests.instances.label", &hall);
    let reserved = Reserved { seat: Instance::of(&seat(4)), instead_of: None };
    bench.within(signal.asend(Sender::NONE, &reserved)).await.unwrap();
    bench.tamper("UPDATE signalpost_task SET payload = replace(payload, 'hall.Seat', 'hall.Box')");
    bench.drain().await;
    assert!(log.take().is_empty());
    let task = bench.task_of("tests.instances.label").await;
    let reason = task.reason.unwrap();
    assert_eq!((task.state, task.attempt), (State::Ended(EndState::Dead), 1));
    assert!(reason.contains("$.seat") && reason.contains("this is a `hall.Box`, not a `hall.Seat`"), "{reason}");
}

#[cfg(feature = "sea-orm")]
mod in_sea_orm {
    use super::*;
    use crate::Place;
    use sea_orm::{ActiveModelTrait, ConnectionTrait, Database, DatabaseConnection, EntityTrait, ModelTrait, Set};
    use signalpost::{SenderType, sender};

    mod article {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
        #[sea_orm(table_name = "article")]
        pub(super) struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub(super) edition: String,
            #[sea_orm(primary_key, auto_increment = false)]
            pub(super) number: i32,
            pub(super) title: String,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub(super) enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    }

    impl SenderType for article::Entity {
        const LABEL: &'static str = "news.Article";
    }

    impl Model for article::Model {
        const LABEL: &'static str = "news.Article";
        type Key = (String, i32);

        fn key(&self) -> Self::Key {
            (self.edition.clone(), self.number)
        }
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Saved {
        article: Instance<article::Model>,
    }

    async fn newspaper(bench: &Bench) -> DatabaseConnection {
        let database = Database::connect(bench.place.url()).await.unwrap();
        let table = "CREATE TABLE article (edition TEXT, number INTEGER, title TEXT, PRIMARY KEY (edition, number))";
        database.execute_unprepared(table).await.unwrap();
        database
    }

    fn saving(name: &'static str, database: &DatabaseConnection) -> (Signal<Saved>, Log) {
        let (signal, log) = (Signal::new(name), Log::default());
        let (database, seen) = (database.clone(), log.clone());
        let read = move |event: &Event<Saved>| {
            let (database, log, article) = (database.clone(), seen.clone(), event.payload.article.clone());
            async move {
                let title = article.load(&database).await?.map(|article| article.title);
                log.add(format!("{:?} {title:?}", article.pk()));
                Ok::<(), BoxError>(())
            }
        };
        signal.connect_background(named(name).sender(sender::<article::Entity>()), read).unwrap();
        (signal, log)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_entity_is_read_again_when_the_task_runs() {
        let bench = Bench::new();
        let database = newspaper(&bench).await;
        let (signal, log) = saving("tests.instances.entity", &database);
        let row = article::Model { edition: "Sunday".to_owned(), number: 7, title: "old".to_owned() };
        article::Entity::insert(article::ActiveModel::from(row.clone())).exec(&database).await.unwrap();
        let saved = Saved { article: Instance::of(&row) };
        bench.within(signal.asend(sender::<article::Entity>(), &saved)).await.unwrap();
        let mut changed = article::ActiveModel::from(row);
        changed.title = Set("new".to_owned());
        changed.update(&database).await.unwrap();
        bench.drain().await;
        assert_eq!(log.take(), [r#"("Sunday", 7) Some("new")"#]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_entity_that_was_deleted_is_none_and_its_key_is_known() {
        let bench = Bench::new();
        let database = newspaper(&bench).await;
        let (signal, log) = saving("tests.instances.deleted", &database);
        let row = article::Model { edition: "Monday".to_owned(), number: 1, title: "brief".to_owned() };
        article::Entity::insert(article::ActiveModel::from(row.clone())).exec(&database).await.unwrap();
        let saved = Saved { article: Instance::of(&row) };
        row.delete(&database).await.unwrap();
        bench.within(signal.asend(sender::<article::Entity>(), &saved)).await.unwrap();
        bench.drain().await;
        assert_eq!(log.take(), [r#"("Monday", 1) None"#]);
    }
}
