//! What the methods of `ActiveModelBehavior` do that [`model_hooks!`](crate::model_hooks) writes.

use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, TryIntoModel};
use signalpost_dispatch::{BoxError, SendError};
use signalpost_store::Column;

use super::entity::sender;
use super::{Deleted, Deleting, Saved, Saving, SignalEntity};
use crate::outbox::sea_orm::{execute, execute_row};
use crate::{Instance, Outbox};

/// Whatever SeaORM calls the method with.
struct Given<'a, C>(&'a C);

impl<C: ConnectionTrait> Outbox for Given<'_, C> {
    async fn execute(&mut self, sql: &str, json: &str) -> Result<u64, BoxError> {
        execute(self.0, sql, json).await
    }

    async fn execute_row(&mut self, sql: &'static str, columns: &[Column<'_>]) -> Option<Result<u64, BoxError>> {
        execute_row(self.0, sql, columns).await
    }
}

fn in_words(error: SendError) -> DbErr {
    DbErr::Custom(error.to_string())
}

pub async fn before_save<E: SignalEntity, C: ConnectionTrait>(
    model: E::ActiveModel,
    database: &C,
    created: bool,
) -> Result<E::ActiveModel, DbErr> {
    let saving = Saving::<E>::new(model, created);
    E::signals().pre_save.send_in(Given(database), sender::<E>(), &saving).await.map_err(in_words)?;
    Ok(saving.into_model())
}

pub async fn after_save<E: SignalEntity, C: ConnectionTrait>(
    model: E::Model,
    database: &C,
    created: bool,
) -> Result<E::Model, DbErr> {
    let saved = Saved::<E>::new(model, created, None);
    E::signals().post_save.send_in(Given(database), sender::<E>(), &saved).await.map_err(in_words)?;
    Ok(saved.into_model())
}

pub async fn before_delete<E: SignalEntity, C: ConnectionTrait>(
    model: E::ActiveModel,
    database: &C,
) -> Result<E::ActiveModel, DbErr> {
    let deleting = deleting::<E>(model)?;
    E::signals().pre_delete.send_in(Given(database), sender::<E>(), &deleting).await.map_err(in_words)?;
    Ok(deleting.model)
}

pub async fn after_delete<E: SignalEntity, C: ConnectionTrait>(
    model: E::ActiveModel,
    database: &C,
) -> Result<E::ActiveModel, DbErr> {
    let Deleting { instance, model } = deleting::<E>(model)?;
    let deleted = Deleted::<E>::new(instance, model.clone().try_into_model().ok());
    E::signals().post_delete.send_in(Given(database), sender::<E>(), &deleted).await.map_err(in_words)?;
    Ok(model)
}

/// The instance that is deleted by this, with its snapshot if all of it is known.
pub(super) fn deleting<E: SignalEntity>(model: E::ActiveModel) -> Result<Deleting<E>, DbErr> {
    let instance = match model.clone().try_into_model() {
        Ok(known) => Instance::of(&known),
        Err(_) => {
            let key = model.get_primary_key_value().ok_or(DbErr::PrimaryKeyNotSet { ctx: "delete_and_send" })?;
            Instance::with_key(E::key_of(key))
        }
    };
    Ok(Deleting { instance, model })
}
