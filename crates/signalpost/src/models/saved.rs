//! What is sent of a save.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Columns, SignalEntity};
use crate::Instance;

/// What [`pre_save`](super::pre_save) sends: a model is about to be written. Receivers can look at it, change it, and, by
/// an error, refuse the write. They run inline: a task would not exist before the write is committed.
///
/// ```
/// # mod article {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "article")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub title: String, pub slug: String }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # signalpost::model!(article, "news.Article");
/// use sea_orm::ActiveValue::Set;
/// use signalpost::models::{Saving, pre_save};
/// use signalpost::{Event, receiver};
///
/// #[receiver(pre_save::<article::Entity>())]
/// fn address(event: &Event<Saving<article::Entity>>) -> Result<(), &'static str> {
///     event.payload.edit(|article| match &article.title {
///         Set(title) if title.is_empty() => Err("an article has a title"),
///         Set(title) => {
///             article.slug = Set(title.to_lowercase().replace(' ', "-"));
///             Ok(())
///         }
///         _ => Ok(()),
///     })
/// }
/// # fn main() {}
/// ```
#[non_exhaustive]
pub struct Saving<E: SignalEntity> {
    /// Whether it is an INSERT.
    pub created: bool,
    model: Mutex<E::ActiveModel>,
}

impl<E: SignalEntity> Saving<E> {
    pub(super) fn new(model: E::ActiveModel, created: bool) -> Self {
        Self { created, model: Mutex::new(model) }
    }

    /// What will be written, as it is now.
    pub fn model(&self) -> E::ActiveModel {
        self.lock().clone()
    }

    /// The columns that will be written, as far as is known now.
    pub fn changed(&self) -> Columns {
        Columns::written(&*self.lock(), self.created)
    }

    /// Changes what will be written. Receivers that run later see the change. The key of a model that is there already is
    /// not for changing: another row would be written. Not to be called from within itself.
    pub fn edit<T>(&self, edit: impl FnOnce(&mut E::ActiveModel) -> T) -> T {
        edit(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, E::ActiveModel> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_model(self) -> E::ActiveModel {
        self.model.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: SignalEntity> Clone for Saving<E> {
    fn clone(&self) -> Self {
        Self::new(self.model(), self.created)
    }
}

impl<E: SignalEntity> fmt::Debug for Saving<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saving").field("created", &self.created).field("model", &*self.lock()).finish()
    }
}

/// What [`post_save`](super::post_save) sends: a model was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
#[non_exhaustive]
pub struct Saved<E: SignalEntity> {
    /// Which one: by its key in tasks, to be read when they run.
    pub instance: Instance<E::Model>,
    /// Whether it is new.
    pub created: bool,
    /// The columns that were written; of a new one those that were given. `None` where nobody knows: a write that was told
    /// of by [`model_hooks!`](crate::model_hooks).
    pub changed: Option<Columns>,
    #[serde(skip)]
    model: Option<E::Model>,
}

impl<E: SignalEntity> Saved<E> {
    pub(super) fn new(model: E::Model, created: bool, changed: Option<Columns>) -> Self {
        Self { instance: Instance::of(&model), created, changed, model: Some(model) }
    }

    /// The model as it was written, for inline receivers. `None` in a task: what was written may have changed since, so
    /// read it with [`Instance::load`].
    pub fn model(&self) -> Option<&E::Model> {
        self.model.as_ref()
    }

    /// Whether this column was written: true also where nobody knows.
    pub fn has_changed(&self, column: E::Column) -> bool {
        self.changed.as_ref().is_none_or(|changed| changed.contains(column))
    }

    /// What it was made of; it has not been through a task.
    pub(super) fn into_model(self) -> E::Model {
        self.model.expect("what was written here has a model")
    }
}
