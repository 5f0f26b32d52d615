//! Entities that have signals.

use std::future::Future;

use sea_orm::sea_query::ValueTuple;
use sea_orm::{DeleteMany, EntityTrait, IntoActiveModel, TryIntoModel, UpdateMany};
use signalpost_dispatch::Sender;

use super::{ModelError, ModelSignals, WriteConnection, many};
use crate::Model;

/// An entity with signals: [`model!`](crate::model) makes it one. Not for implementing by hand. It has the writes of many rows that send.
///
/// They send for each row, with one INSERT for all the tasks. Rows and payloads are held in memory until then: write some
/// thousands at a time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared, so it has no signals",
    note = "declare it, in the crate that it is in: signalpost::model!(article, \"news.Article\")"
)]
pub trait SignalEntity:
    EntityTrait<
        Model: Model + IntoActiveModel<<Self as EntityTrait>::ActiveModel> + Sync,
        ActiveModel: TryIntoModel<<Self as EntityTrait>::Model> + Send + Sync,
    >
{
    /// Whether `ActiveModelBehavior` sends, and does nothing else.
    #[doc(hidden)]
    const HAS_HOOKS: bool;

    #[doc(hidden)]
    fn key_of(values: ValueTuple) -> <Self::Model as Model>::Key;

    #[doc(hidden)]
    fn signals() -> &'static ModelSignals<Self>;

    /// Inserts all of these with one statement, and sends [`pre_save`](super::pre_save) for each before and
    /// [`post_save`](super::post_save) for each after. Returns the models. With none it does nothing.
    ///
    /// As SeaORM's `insert_many`: the methods of `ActiveModelBehavior` are not called, and every row gets the columns that
    /// any of them has, so `changed` names the same for all.
    ///
    /// ```no_run
    /// # mod article {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    /// #     #[sea_orm(table_name = "article")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub title: String }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # signalpost::model!(article, "news.Article");
    /// use sea_orm::{ActiveValue::Set, DatabaseConnection};
    /// use signalpost::models::{ModelError, SignalEntity};
    ///
    /// # async fn import(database: &DatabaseConnection) -> Result<(), ModelError> {
    /// let titled = |title: &str| article::ActiveModel { title: Set(title.to_owned()), ..Default::default() };
    /// let articles = article::Entity::insert_many_and_send(database, ["One", "Two"].map(titled)).await?;
    /// # drop(articles);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ModelError`].
    fn insert_many_and_send<C: WriteConnection>(
        database: &C,
        models: impl IntoIterator<Item = Self::ActiveModel>,
    ) -> impl Future<Output = Result<Vec<Self::Model>, ModelError>> + Send {
        let models = Vec::from_iter(models);
        async move {
            if models.is_empty() {
                return Ok(Vec::new());
            }
            let joined = database.join().await?;
            let written = many::insert::<Self>(&joined, models).await;
            joined.end(written).await
        }
    }

    /// Updates all rows that the statement finds, and sends [`post_save`](super::post_save) for each. Returns the models,
    /// in no order.
    ///
    /// Which rows these are is known only after the write: [`pre_save`](super::pre_save) is not sent. `ActiveModelBehavior`
    /// is not called, as by SeaORM's `update_many`. A statement that sets nothing does nothing.
    ///
    /// ```no_run
    /// # mod article {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    /// #     #[sea_orm(table_name = "article")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub author: String, pub hidden: bool }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # signalpost::model!(article, "news.Article");
    /// use sea_orm::{ColumnTrait, DatabaseConnection, QueryFilter, sea_query::Expr};
    /// use signalpost::models::{ModelError, SignalEntity};
    ///
    /// # async fn hide(database: &DatabaseConnection) -> Result<(), ModelError> {
    /// let hidden = article::Entity::update_many_and_send(database, |articles| {
    ///     articles.col_expr(article::Column::Hidden, Expr::value(true)).filter(article::Column::Author.eq("Ada"))
    /// });
    /// println!("{} articles are hidden", hidden.await?.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ModelError`].
    fn update_many_and_send<C: WriteConnection>(
        database: &C,
        which: impl FnOnce(UpdateMany<Self>) -> UpdateMany<Self>,
    ) -> impl Future<Output = Result<Vec<Self::Model>, ModelError>> + Send {
        let update = which(Self::update_many());
        async move {
            let joined = database.join().await?;
            let written = many::update(&joined, update).await;
            joined.end(written).await
        }
    }

    /// Deletes all rows that the statement finds (without a filter: all), and sends [`post_delete`](super::post_delete) for
    /// each. Returns the models as they were, in no order.
    ///
    /// [`pre_delete`](super::pre_delete) is not sent, and `ActiveModelBehavior` not called: as for
    /// [`update_many_and_send`](SignalEntity::update_many_and_send).
    ///
    /// ```no_run
    /// # mod article {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    /// #     #[sea_orm(table_name = "article")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub author: String }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # signalpost::model!(article, "news.Article");
    /// use sea_orm::{ColumnTrait, DatabaseConnection, QueryFilter};
    /// use signalpost::models::{ModelError, SignalEntity};
    ///
    /// # async fn forget(database: &DatabaseConnection) -> Result<(), ModelError> {
    /// let hers = article::Column::Author.eq("Ada");
    /// article::Entity::delete_many_and_send(database, |articles| articles.filter(hers)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ModelError`].
    fn delete_many_and_send<C: WriteConnection>(
        database: &C,
        which: impl FnOnce(DeleteMany<Self>) -> DeleteMany<Self>,
    ) -> impl Future<Output = Result<Vec<Self::Model>, ModelError>> + Send {
        let delete = which(Self::delete_many());
        async move {
            let joined = database.join().await?;
            let written = many::delete(&joined, delete).await;
            joined.end(written).await
        }
    }
}

/// Who sends the signals of an entity.
pub(super) fn sender<E: SignalEntity>() -> Sender {
    Sender::label(<E::Model as Model>::LABEL)
}
