//! Writes of one model.

use std::future::Future;

use sea_orm::{ActiveModelBehavior, ActiveModelTrait, EntityTrait, FromQueryResult, IntoActiveModel, ModelTrait};

use super::connection::Joined;
use super::entity::sender;
use super::{Columns, Deleted, Deleting, ModelError, Saved, Saving, SignalEntity, WriteConnection, behavior};

type ModelOf<A> = <<A as ActiveModelTrait>::Entity as EntityTrait>::Model;

/// SeaORM's `insert`, `update`, `save` and `delete`, with the entity's signals.
///
/// Each does the same as SeaORM's method and calls the same methods of `ActiveModelBehavior`. Given a
/// [`DatabaseConnection`](sea_orm::DatabaseConnection), everything is one transaction of its own: committed at the end,
/// rolled back on an error, and when the future is dropped. Given a transaction or a savepoint, it joins that; after an error
/// the caller rolls it back.
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
/// use sea_orm::{ActiveValue::Set, DatabaseConnection, EntityTrait, IntoActiveModel};
/// use signalpost::models::SaveAndSend;
/// use signalpost::{BoxError, begin_immediate};
///
/// # async fn rename(database: &DatabaseConnection) -> Result<(), BoxError> {
/// let transaction = begin_immediate(database).await?;
/// if let Some(article) = article::Entity::find_by_id(7).one(&transaction).await? {
///     let mut article = article.into_active_model();
///     article.title = Set("Harbour light out again".to_owned());
///     article.update_and_send(&transaction).await?; // tells of the title only
/// }
/// transaction.commit().await?; // with the tasks, or not at all
/// # Ok(())
/// # }
/// ```
pub trait SaveAndSend: ActiveModelBehavior<Entity: SignalEntity<ActiveModel = Self>> + Send + Sync {
    /// Inserts the model; [`pre_save`](super::pre_save) before, [`post_save`](super::post_save) after.
    ///
    /// # Errors
    ///
    /// [`ModelError`].
    fn insert_and_send<C: WriteConnection>(
        self,
        database: &C,
    ) -> impl Future<Output = Result<ModelOf<Self>, ModelError>> + Send {
        write::<Self::Entity, C>(database, self, true)
    }

    /// Updates the columns that are set, of the model with this key; [`pre_save`](super::pre_save) before,
    /// [`post_save`](super::post_save) after. Where no column is set nothing is written, and both are sent all the same.
    ///
    /// # Errors
    ///
    /// [`ModelError`]; when there is no such model, one of the database.
    fn update_and_send<C: WriteConnection>(
        self,
        database: &C,
    ) -> impl Future<Output = Result<ModelOf<Self>, ModelError>> + Send {
        write::<Self::Entity, C>(database, self, false)
    }

    /// Updates the model if its whole key is known, and inserts it otherwise.
    ///
    /// # Errors
    ///
    /// [`ModelError`].
    fn save_and_send<C: WriteConnection>(self, database: &C) -> impl Future<Output = Result<Self, ModelError>> + Send {
        let created = self.get_primary_key_value().is_none();
        async move { Ok(write::<Self::Entity, C>(database, self, created).await?.into_active_model()) }
    }

    /// Deletes the model with this key; [`pre_delete`](super::pre_delete) before, and
    /// [`post_delete`](super::post_delete) after, if it was there. Returns it as it was.
    ///
    /// # Errors
    ///
    /// [`ModelError`].
    fn delete_and_send<C: WriteConnection>(
        self,
        database: &C,
    ) -> impl Future<Output = Result<Option<ModelOf<Self>>, ModelError>> + Send {
        delete::<Self::Entity, C>(database, self)
    }
}

impl<A> SaveAndSend for A where A: ActiveModelBehavior<Entity: SignalEntity<ActiveModel = A>> + Send + Sync {}

/// SeaORM's `delete` of a model, with the entity's signals.
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
/// use sea_orm::DatabaseConnection;
/// use signalpost::models::{DeleteAndSend, ModelError};
///
/// # async fn withdraw(article: article::Model, database: &DatabaseConnection) -> Result<(), ModelError> {
/// article.delete_and_send(database).await?;
/// # Ok(())
/// # }
/// ```
pub trait DeleteAndSend: ModelTrait<Entity: SignalEntity<Model = Self>> + FromQueryResult {
    /// As [`SaveAndSend::delete_and_send`].
    ///
    /// # Errors
    ///
    /// [`ModelError`].
    fn delete_and_send<C: WriteConnection>(
        self,
        database: &C,
    ) -> impl Future<Output = Result<Option<Self>, ModelError>> + Send {
        delete::<Self::Entity, C>(database, self.into_active_model())
    }
}

impl<M> DeleteAndSend for M where M: ModelTrait<Entity: SignalEntity<Model = M>> + FromQueryResult {}

async fn write<E: SignalEntity, C: WriteConnection>(
    database: &C,
    model: E::ActiveModel,
    created: bool,
) -> Result<E::Model, ModelError> {
    let joined = database.join().await?;
    let written = write_in::<E>(&joined, model, created).await;
    joined.end(written).await
}

/// What SeaORM does in an insert or an update, with the signals between the steps.
async fn write_in<E: SignalEntity>(
    joined: &Joined<'_>,
    model: E::ActiveModel,
    created: bool,
) -> Result<E::Model, ModelError> {
    let transaction = joined.transaction();
    let model = if E::HAS_HOOKS { model } else { model.before_save(transaction, created).await? };
    let saving = Saving::<E>::new(model, created);
    E::signals().pre_save.send_in(transaction, sender::<E>(), &saving).await.map_err(ModelError::Refused)?;
    let model = saving.into_model();
    let written = Columns::written(&model, created);
    let model = if created {
        <E as EntityTrait>::insert(model).exec_with_returning(transaction).await?
    } else {
        <E as EntityTrait>::update(model).exec(transaction).await?
    };
    let model = if E::HAS_HOOKS { model } else { E::ActiveModel::after_save(model, transaction, created).await? };
    let saved = Saved::<E>::new(model, created, Some(written));
    let post_save = joined.after(&E::signals().post_save);
    post_save.send_in(transaction, sender::<E>(), &saved).await.map_err(ModelError::Sending)?;
    Ok(saved.into_model())
}

async fn delete<E: SignalEntity, C: WriteConnection>(
    database: &C,
    model: E::ActiveModel,
) -> Result<Option<E::Model>, ModelError> {
    let joined = database.join().await?;
    let deleted = delete_in::<E>(&joined, model).await;
    joined.end(deleted).await
}

async fn delete_in<E: SignalEntity>(
    joined: &Joined<'_>,
    model: E::ActiveModel,
) -> Result<Option<E::Model>, ModelError> {
    let transaction = joined.transaction();
    let model = if E::HAS_HOOKS { model } else { model.before_delete(transaction).await? };
    let deleting = behavior::deleting::<E>(model)?;
    E::signals().pre_delete.send_in(transaction, sender::<E>(), &deleting).await.map_err(ModelError::Refused)?;
    let Deleting { model, .. } = deleting;
    // What it was like is for the snapshot and for inline receivers.
    let deleted = <E as EntityTrait>::delete(model.clone()).exec_with_returning(transaction).await?;
    if !E::HAS_HOOKS {
        model.after_delete(transaction).await?;
    }
    let Some(deleted) = deleted.map(Deleted::<E>::of) else { return Ok(None) };
    let post_delete = joined.after(&E::signals().post_delete);
    post_delete.send_in(transaction, sender::<E>(), &deleted).await.map_err(ModelError::Sending)?;
    Ok(deleted.into_model())
}
