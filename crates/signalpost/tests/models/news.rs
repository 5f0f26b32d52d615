//! A small newspaper: its entities, and receivers that tell what they hear.

use crate::site::{Log, TOLD};
use sea_orm::EntityTrait;
use serde_json::Value;
use signalpost::models::{
    Columns, Deleted, Deleting, Saved, Saving, SignalEntity, post_delete, post_save, pre_delete, pre_save,
};
use signalpost::{BoxError, Data, Event, Instance, Model, receiver};
use std::fmt::Debug;

pub(crate) mod article {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "article")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        pub(crate) title: String,
        pub(crate) author: String,
        pub(crate) body: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

signalpost::model!(article, "news.Article", snapshot = [title, author], aliases = ["news.Story"]);

/// Its hooks send.
pub(crate) mod note {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "note")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        pub(crate) text: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
}

signalpost::model_hooks!(note, "news.Note", snapshot = [text]);

/// Its hooks are its own.
pub(crate) mod draft {
    use crate::site::TOLD;
    use sea_orm::ActiveValue::Set;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "draft")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        pub(crate) text: String,
        pub(crate) words: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    fn tell(line: &str) {
        TOLD.with(|told| told.add(line.to_owned()));
    }

    #[async_trait::async_trait]
    impl ActiveModelBehavior for ActiveModel {
        async fn before_save<C: ConnectionTrait>(mut self, _: &C, insert: bool) -> Result<Self, DbErr> {
            tell(&format!("before_save {insert}"));
            if let Set(text) = &self.text {
                self.words = Set(i32::try_from(text.split_whitespace().count()).unwrap());
            }
            Ok(self)
        }

        async fn after_save<C: ConnectionTrait>(model: Model, _: &C, insert: bool) -> Result<Model, DbErr> {
            tell(&format!("after_save {insert}"));
            Ok(model)
        }

        async fn before_delete<C: ConnectionTrait>(self, _: &C) -> Result<Self, DbErr> {
            tell("before_delete");
            Ok(self)
        }

        async fn after_delete<C: ConnectionTrait>(self, _: &C) -> Result<Self, DbErr> {
            tell("after_delete");
            Ok(self)
        }
    }

    signalpost::model!(self, "news.Draft");
}

/// Found by a text.
pub(crate) mod badge {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "badge")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) code: String,
        pub(crate) owner: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

signalpost::model!(crate::news::badge, "news.Badge");

/// Found by two columns together.
pub(crate) mod seat {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "seat")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) line: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) number: i32,
        pub(crate) owner: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

signalpost::model!(seat, "news.Seat");

/// Found by four columns together.
pub(crate) mod parcel {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "parcel")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) year: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) office: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) number: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) is_express: bool,
        pub(crate) owner: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

signalpost::model!(parcel, "news.Parcel");

fn tell(line: String) {
    // In a worker nobody is told.
    let _ = TOLD.try_with(|told| told.add(line));
}

fn kind(created: bool) -> &'static str {
    if created { "new" } else { "old" }
}

fn columns(changed: Option<&Columns>) -> String {
    changed.map_or("?".to_owned(), |changed| changed.names().collect::<Vec<_>>().join(","))
}

fn snapshot<M: Model>(instance: &Instance<M>) -> String {
    instance.snapshot::<Value>().unwrap().map_or("-".to_owned(), |snapshot| snapshot.to_string())
}

pub(crate) fn tell_saving<E: SignalEntity>(event: &Event<Saving<E>>) {
    let saving = event.payload;
    tell(format!("pre_save {} {}", kind(saving.created), columns(Some(&saving.changed()))));
}

pub(crate) fn tell_saved<E: SignalEntity>(event: &Event<Saved<E>>) {
    let saved = event.payload;
    let (key, changed) = (saved.instance.pk(), columns(saved.changed.as_ref()));
    tell(format!("post_save {key:?} {} {changed}", kind(saved.created)));
}

pub(crate) fn tell_deleting<E: SignalEntity>(event: &Event<Deleting<E>>) {
    tell(format!("pre_delete {:?}", event.payload.instance.pk()));
}

pub(crate) fn tell_deleted<E: SignalEntity>(event: &Event<Deleted<E>>) {
    let deleted = event.payload;
    let model = if deleted.model().is_some() { "whole" } else { "key" };
    tell(format!("post_delete {:?} {model}", deleted.instance.pk()));
}

async fn log_saved<E>(
    event: &Event<'_, Saved<E>>,
    database: &sea_orm::DatabaseConnection,
    log: &Log,
) -> Result<(), BoxError>
where
    E: SignalEntity,
    E: EntityTrait<Model: Debug>,
    sea_orm::DatabaseConnection: signalpost::Load<E::Model>,
{
    let saved = event.payload;
    assert!(saved.model().is_none(), "a task has the key, and not the model");
    let there = saved.instance.load(database).await?.map_or("gone", |_| "there");
    let (key, changed) = (saved.instance.pk(), columns(saved.changed.as_ref()));
    log.add(format!("{} saved {key:?} {} {changed}: {there}", event.signal, kind(saved.created)));
    Ok(())
}

fn log_deleted<E: SignalEntity>(event: &Event<Deleted<E>>, log: &Log) {
    let instance = &event.payload.instance;
    log.add(format!("{} deleted {:?} {}", event.signal, instance.pk(), snapshot(instance)));
}

/// Each entity's receivers, which a macro cannot declare for all of them: a receiver is not generic.
macro_rules! telling {
    ($($entity:ident)+) => {
        $(
            mod $entity {
                use super::*;
                use super::super::$entity::Entity;
                use sea_orm::DatabaseConnection;

                #[receiver(pre_save::<Entity>())]
                fn saving(event: &Event<Saving<Entity>>) {
                    tell_saving(event);
                }

                #[receiver(post_save::<Entity>())]
                fn saved(event: &Event<Saved<Entity>>) {
                    tell_saved(event);
                }

                #[receiver(pre_delete::<Entity>())]
                fn deleting(event: &Event<Deleting<Entity>>) {
                    tell_deleting(event);
                }

                #[receiver(post_delete::<Entity>())]
                fn deleted(event: &Event<Deleted<Entity>>) {
                    tell_deleted(event);
                }

                #[receiver(post_save::<Entity>(), background)]
                async fn log_save(
                    event: Event<'_, Saved<Entity>>,
                    database: Data<DatabaseConnection>,
                    log: Data<Log>,
                ) -> Result<(), BoxError> {
                    log_saved(&event, &database, &log).await
                }

                #[receiver(post_delete::<Entity>(), background, sender = signalpost::sender::<Entity>())]
                fn log_deletion(event: &Event<Deleted<Entity>>, log: Data<Log>) {
                    log_deleted(event, &log);
                }
            }
        )+
    };
}

mod receivers {
    use super::*;

    telling!(article badge draft note parcel seat);
}
