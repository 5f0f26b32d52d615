//! What is sent of a deletion.

use serde::{Deserialize, Serialize};

use super::SignalEntity;
use crate::Instance;

/// What [`pre_delete`](super::pre_delete) sends: a model is about to be deleted, if it is there. An error of a receiver
/// refuses it. Receivers run inline: a task would not exist before the deletion is committed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Deleting<E: SignalEntity> {
    /// Which one. There is a snapshot with it if the whole model is known, as it is when the [`Model`](crate::Model) itself
    /// is deleted.
    pub instance: Instance<E::Model>,
    /// What the caller knows of it: the key at least.
    pub model: E::ActiveModel,
}

/// What [`post_delete`](super::post_delete) sends: a model was deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
#[non_exhaustive]
pub struct Deleted<E: SignalEntity> {
    /// Which one: its key, and the snapshot that was asked for with [`model!`](crate::model).
    pub instance: Instance<E::Model>,
    #[serde(skip)]
    model: Option<E::Model>,
}

impl<E: SignalEntity> Deleted<E> {
    pub(super) fn new(instance: Instance<E::Model>, model: Option<E::Model>) -> Self {
        Self { instance, model }
    }

    pub(super) fn of(model: E::Model) -> Self {
        Self::new(Instance::of(&model), Some(model))
    }

    /// The model as it was, for inline receivers. `None` in a task, for which [`Instance::snapshot`] has what was kept; and
    /// where only the key was known to [`model_hooks!`](crate::model_hooks).
    pub fn model(&self) -> Option<&E::Model> {
        self.model.as_ref()
    }

    pub(super) fn into_model(self) -> Option<E::Model> {
        self.model
    }
}
