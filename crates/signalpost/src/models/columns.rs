//! Names of columns.

use std::borrow::Cow;

use sea_orm::{
    ActiveModelTrait, ActiveValue, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn, QueryTrait, UpdateMany,
};
use serde::{Deserialize, Serialize};

/// Columns, by their names in the database, in the entity's order.
///
/// ```
/// # mod article {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "article")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub title: String, pub body: String }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use signalpost::models::Columns;
///
/// let changed: Columns = serde_json::from_str(r#"["title"]"#)?;
/// assert!(changed.contains(article::Column::Title) && !changed.contains(article::Column::Body));
/// assert_eq!(changed.names().collect::<Vec<_>>(), ["title"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Columns(Vec<Cow<'static, str>>);

impl Columns {
    /// Whether this one is among them.
    pub fn contains(&self, column: impl IdenStatic) -> bool {
        self.0.iter().any(|name| *name == column.as_str())
    }

    /// Their names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What SeaORM writes of this model: in an INSERT all that is known, in an UPDATE what is set and not the key.
    pub(super) fn written<A: ActiveModelTrait>(model: &A, created: bool) -> Self {
        Self::of::<A::Entity>(|column| match model.get(column) {
            ActiveValue::Set(_) => created || !is_of_the_key::<A::Entity>(column),
            ActiveValue::Unchanged(_) => created,
            ActiveValue::NotSet => false,
        })
    }

    /// What an INSERT of all of these writes: SeaORM gives every row the columns of any.
    pub(super) fn written_of_any<A: ActiveModelTrait>(models: &[A]) -> Self {
        Self::of::<A::Entity>(|column| models.iter().any(|model| !model.is_not_set(column)))
    }

    /// What this statement writes.
    pub(super) fn of_update<E: EntityTrait>(update: &UpdateMany<E>) -> Self {
        Self(update.as_query().get_values().iter().map(|(column, _)| column.to_string().into()).collect())
    }

    fn of<E: EntityTrait>(is_written: impl Fn(E::Column) -> bool) -> Self {
        Self(E::Column::iter().filter(|column| is_written(*column)).map(|column| column.as_str().into()).collect())
    }
}

fn is_of_the_key<E: EntityTrait>(column: E::Column) -> bool {
    E::PrimaryKey::from_column(column).is_some()
}
