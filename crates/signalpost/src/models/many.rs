//! Writes of many rows.

use sea_orm::{DeleteMany, EntityTrait, UpdateMany};

use super::connection::Joined;
use super::entity::sender;
use super::{Columns, Deleted, ModelError, Saved, Saving, SignalEntity};

pub(super) async fn insert<E: SignalEntity>(
    joined: &Joined<'_>,
    models: Vec<E::ActiveModel>,
) -> Result<Vec<E::Model>, ModelError> {
    let saving: Vec<Saving<E>> = models.into_iter().map(|model| Saving::new(model, true)).collect();
    E::signals()
        .pre_save
        .send_many_in(joined.transaction(), sender::<E>(), &saving)
        .await
        .map_err(ModelError::Refused)?;
    let models: Vec<E::ActiveModel> = saving.into_iter().map(Saving::into_model).collect();
    let written = Columns::written_of_any(&models);
    let models = <E as EntityTrait>::insert_many(models).exec_with_returning(joined.transaction()).await?;
    saved::<E>(joined, models, true, &written).await
}

pub(super) async fn update<E: SignalEntity>(
    joined: &Joined<'_>,
    update: UpdateMany<E>,
) -> Result<Vec<E::Model>, ModelError> {
    let written = Columns::of_update(&update);
    let models = update.exec_with_returning(joined.transaction()).await?;
    saved::<E>(joined, models, false, &written).await
}

async fn saved<E: SignalEntity>(
    joined: &Joined<'_>,
    models: Vec<E::Model>,
    created: bool,
    written: &Columns,
) -> Result<Vec<E::Model>, ModelError> {
    let saved = |model| Saved::<E>::new(model, created, Some(written.clone()));
    let saved: Vec<Saved<E>> = models.into_iter().map(saved).collect();
    let post_save = joined.after(&E::signals().post_save);
    post_save.send_many_in(joined.transaction(), sender::<E>(), &saved).await.map_err(ModelError::Sending)?;
    Ok(saved.into_iter().map(Saved::into_model).collect())
}

pub(super) async fn delete<E: SignalEntity>(
    joined: &Joined<'_>,
    delete: DeleteMany<E>,
) -> Result<Vec<E::Model>, ModelError> {
    let models = delete.exec_with_returning(joined.transaction()).await?;
    let deleted: Vec<Deleted<E>> = models.into_iter().map(Deleted::of).collect();
    let post_delete = joined.after(&E::signals().post_delete);
    post_delete.send_many_in(joined.transaction(), sender::<E>(), &deleted).await.map_err(ModelError::Sending)?;
    Ok(deleted.into_iter().filter_map(Deleted::into_model).collect())
}
