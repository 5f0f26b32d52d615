//! The four signals of an entity.

use super::{Deleted, Deleting, Saved, Saving, SignalEntity};
use crate::Signal;

/// The signals of one entity: a `static` of [`model!`](crate::model).
pub struct ModelSignals<E: SignalEntity> {
    pub(super) pre_save: Signal<Saving<E>>,
    pub(super) post_save: Signal<Saved<E>>,
    pub(super) pre_delete: Signal<Deleting<E>>,
    pub(super) post_delete: Signal<Deleted<E>>,
}

impl<E: SignalEntity> ModelSignals<E> {
    /// Signals without receivers, under these names.
    pub const fn new(
        pre_save: &'static str,
        (post_save, saved_aliases): (&'static str, &'static [&'static str]),
        pre_delete: &'static str,
        (post_delete, deleted_aliases): (&'static str, &'static [&'static str]),
    ) -> Self {
        Self {
            pre_save: Signal::new(pre_save),
            post_save: Signal::new(post_save).aliases(saved_aliases),
            pre_delete: Signal::new(pre_delete),
            post_delete: Signal::new(post_delete).aliases(deleted_aliases),
        }
    }
}

/// Sent before a model is saved, called `<label>.pre_save`. Its receivers are inline; the first one that returns an error
/// refuses the write.
///
/// [`Saving`] has an example. A background receiver does not compile:
///
/// ```compile_fail,E0277
/// # mod article {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "article")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64 }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # signalpost::model!(article, "news.Article");
/// # use signalpost::models::{Saving, pre_save};
/// # use signalpost::{Event, receiver};
/// #[receiver(pre_save::<article::Entity>(), background)]
/// async fn too_late(_event: Event<'_, Saving<article::Entity>>) {}
/// # fn main() {}
/// ```
pub fn pre_save<E: SignalEntity>() -> &'static Signal<Saving<E>> {
    &E::signals().pre_save
}

/// Sent when a model was saved, in the transaction that saves it, called `<label>.post_save`: `news.Article.post_save`. The
/// sender is the label.
///
/// ```
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
/// use signalpost::Event;
/// use signalpost::models::{Saved, post_save};
///
/// post_save::<article::Entity>().connect(|event: &Event<Saved<article::Entity>>| {
///     // Inline, the model is at hand.
///     if let (true, Some(article)) = (event.payload.created, event.payload.model()) {
///         println!("new: {}", article.title);
///     }
/// });
/// assert_eq!(post_save::<article::Entity>().name(), "news.Article.post_save");
/// ```
pub fn post_save<E: SignalEntity>() -> &'static Signal<Saved<E>> {
    &E::signals().post_save
}

/// Sent before a model is deleted, called `<label>.pre_delete`. Its receivers are inline; the first one that returns an
/// error refuses the deletion.
pub fn pre_delete<E: SignalEntity>() -> &'static Signal<Deleting<E>> {
    &E::signals().pre_delete
}

/// Sent when a model was deleted, in the transaction that deletes it, called `<label>.post_delete`. The sender is the
/// label.
///
/// A task runs when the row is gone: what its receiver needs of it, besides the key, has to travel as a snapshot.
///
/// ```
/// # mod article {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "article")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub title: String, pub picture: Option<String> }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use serde::Deserialize;
/// use signalpost::models::{Deleted, post_delete};
/// use signalpost::{BoxError, Event, receiver};
///
/// signalpost::model!(article, "news.Article", snapshot = [picture]);
///
/// #[derive(Deserialize)]
/// struct Files {
///     picture: Option<String>,
/// }
///
/// #[receiver(post_delete::<article::Entity>(), background)]
/// async fn remove_picture(event: Event<'_, Deleted<article::Entity>>) -> Result<(), BoxError> {
///     if let Some(Files { picture: Some(picture) }) = event.payload.instance.snapshot()? {
///         println!("{picture} is not needed any more");
///     }
///     Ok(())
/// }
/// # fn main() {}
/// ```
pub fn post_delete<E: SignalEntity>() -> &'static Signal<Deleted<E>> {
    &E::signals().post_delete
}
