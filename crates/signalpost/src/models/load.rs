//! Reading models with SeaORM.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, FromQueryResult, ModelTrait, PrimaryKeyTrait,
};
use signalpost_dispatch::BoxError;

use crate::{AtomicTransaction, Load, Model};

async fn find<M>(key: &M::Key, database: &impl ConnectionTrait) -> Result<Option<M>, BoxError>
where
    M: Model + ModelTrait<Entity: EntityTrait<Model = M>> + FromQueryResult,
    <<M::Entity as EntityTrait>::PrimaryKey as PrimaryKeyTrait>::ValueType: From<M::Key>,
{
    Ok(M::Entity::find_by_id(key.clone()).one(database).await?)
}

macro_rules! load_with {
    ($connection:ty, $database:ident => $given:expr) => {
        impl<M> Load<M> for $connection
        where
            M: Model + ModelTrait<Entity: EntityTrait<Model = M>> + FromQueryResult,
            <<M::Entity as EntityTrait>::PrimaryKey as PrimaryKeyTrait>::ValueType: From<M::Key>,
        {
            async fn load(&self, key: &M::Key) -> Result<Option<M>, BoxError> {
                let $database = self;
                find(key, $given).await
            }
        }
    };
}

load_with!(DatabaseConnection, database => database);
load_with!(DatabaseTransaction, transaction => transaction);
load_with!(AtomicTransaction<DatabaseTransaction>, transaction => &**transaction);
