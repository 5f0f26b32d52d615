//! Declaring entities.

/// Declares an entity of SeaORM: the label of its models in stored tasks, and with it its signals.
///
/// The first argument is the entity's module, by its path (`self`, where it stands in that module); the second is the
/// label. It is given by hand, because a type's own name changes when it moves. The macro implements
/// [`Model`](crate::Model) for the module's `Model`, whatever its key, and [`SenderType`](crate::SenderType) and
/// [`SignalEntity`](crate::models::SignalEntity) for its `Entity`. Types of the key's columns need serde's `Serialize` and
/// `DeserializeOwned`.
///
/// ```
/// mod seat {
///     use sea_orm::entity::prelude::*;
///
///     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
///     #[sea_orm(table_name = "seat")]
///     pub struct Model {
///         #[sea_orm(primary_key, auto_increment = false)]
///         pub row: String,
///         #[sea_orm(primary_key, auto_increment = false)]
///         pub number: i32,
///         pub taken_by: Option<String>,
///         pub price: i64,
///     }
///
///     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
///     pub enum Relation {}
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// signalpost::model!(seat, "hall.Seat", snapshot = [taken_by], aliases = ["hall.Place"]);
///
/// use signalpost::Instance;
/// let seat = seat::Model { row: "K".to_owned(), number: 7, taken_by: Some("Ada".to_owned()), price: 12 };
/// assert_eq!(
///     serde_json::to_string(&Instance::of(&seat))?,
///     r#"{"model":"hall.Seat","key":["K",7],"snapshot":{"taken_by":"Ada"}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// - `snapshot = [column, …]`: columns that travel beside the key in every [`Instance`](crate::Instance) of such a model, as
///   they were then, for receivers that run when the row is gone: [`Instance::snapshot`](crate::Instance::snapshot). Their
///   types need serde's `Serialize`. They stand in each task, in plain text. Default: none.
/// - `aliases = ["label", …]`: what it was called before. Tasks and payloads of these labels are understood: needed in
///   workers for as long as such tasks wait. If receivers limit themselves to the sender, say
///   [`alias_sender`](crate::alias_sender) too. Default: none.
#[macro_export]
macro_rules! model {
    ($($module:ident)::+, $label:literal $($options:tt)*) => {
        $crate::__declare_model!([$($module)::+] $label [false] $($options)*);
    };
}

/// Declares an entity as [`model!`](crate::model) does, with the same arguments, and lets SeaORM's own `insert`,
/// `update`, `save` and `delete` send its signals. It takes the place of `impl ActiveModelBehavior for ActiveModel {}`.
///
/// Prefer [`SaveAndSend`](crate::models::SaveAndSend), because this is weaker:
///
/// - **On a pool, the row and its tasks are committed apart.** SeaORM calls the hook after the row is committed: a
///   crash in between loses the tasks, and an inline receiver's error leaves the row. Only a transaction of the
///   caller's makes them one.
/// - **Nobody knows which columns have changed**: [`Saved::changed`](crate::models::Saved::changed) is `None`.
/// - **What does not call `ActiveModelBehavior` sends nothing**: `Entity::insert(…).exec`, `insert_many`, `update_many`,
///   `delete_many`, `delete_by_id`, SQL by hand. `update_without_returning` sends `pre_save` and no `post_save`.
/// - **A deletion is told of whether or not there was a row**, and with a snapshot only if the caller knew the whole model.
/// - A receiver's error arrives as [`DbErr::Custom`](sea_orm::DbErr::Custom), as text.
/// - The entity can have no `ActiveModelBehavior` of its own.
///
/// It is for code that cannot be changed to say `_and_send`. Where it does, the hooks stand back: each signal is sent once.
///
/// ```
/// use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection, DbErr};
/// use signalpost::begin_immediate;
///
/// mod article {
///     use sea_orm::entity::prelude::*;
///
///     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
///     #[sea_orm(table_name = "article")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         pub title: String,
///     }
///
///     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
///     pub enum Relation {}
/// }
///
/// signalpost::model_hooks!(article, "news.Article");
///
/// # async fn publish(database: &DatabaseConnection) -> Result<(), DbErr> {
/// let transaction = begin_immediate(database).await?;
/// article::ActiveModel { title: Set("One".to_owned()), ..Default::default() }.insert(&transaction).await?;
/// transaction.commit().await
/// # }
/// ```
#[macro_export]
macro_rules! model_hooks {
    ($($module:ident)::+, $label:literal $($options:tt)*) => {
        $crate::__declare_model!([$($module)::+] $label [true] $($options)*);
        $crate::__hook_model!($($module)::+);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __declare_model {
    (
        [$($module:ident)::+] $label:literal [$has_hooks:literal]
        $(, snapshot = [$($column:ident),+ $(,)?])?
        $(, aliases = [$($alias:literal),+ $(,)?])?
        $(,)?
    ) => {
        impl $crate::SenderType for $($module)::+::Entity {
            const LABEL: &'static str = $label;
        }

        impl $crate::Model for $($module)::+::Model {
            const LABEL: &'static str = $label;
            const ALIASES: &'static [&'static str] = &[$($($alias),+)?];
            type Key =
                <$($module)::+::PrimaryKey as $crate::__private::sea_orm::PrimaryKeyTrait>::ValueType;

            fn key(&self) -> Self::Key {
                <$($module)::+::Entity as $crate::models::SignalEntity>::key_of(
                    $crate::__private::sea_orm::ModelTrait::get_primary_key_value(self),
                )
            }

            $(
                fn snapshot(&self) -> $crate::Snapshot {
                    $crate::__private::snapshot([$((
                        ::core::stringify!($column),
                        $crate::__private::to_value(&self.$column),
                    )),+])
                }
            )?
        }

        impl $crate::models::SignalEntity for $($module)::+::Entity {
            const HAS_HOOKS: bool = $has_hooks;

            fn key_of(
                values: $crate::__private::sea_orm::sea_query::ValueTuple,
            ) -> <$($module)::+::Model as $crate::Model>::Key {
                $crate::__private::sea_orm::sea_query::FromValueTuple::from_value_tuple(values)
            }

            fn signals() -> &'static $crate::__private::ModelSignals<Self> {
                static SIGNALS: $crate::__private::ModelSignals<$($module)::+::Entity> =
                    $crate::__private::ModelSignals::new(
                        ::core::concat!($label, ".pre_save"),
                        (
                            ::core::concat!($label, ".post_save"),
                            &[$($(::core::concat!($alias, ".post_save")),+)?],
                        ),
                        ::core::concat!($label, ".pre_delete"),
                        (
                            ::core::concat!($label, ".post_delete"),
                            &[$($(::core::concat!($alias, ".post_delete")),+)?],
                        ),
                    );
                &SIGNALS
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __hook_model {
    ($($module:ident)::+) => {
        const _: () = {
            use $crate::__private::behavior;
            use $crate::__private::sea_orm::{
                self, ActiveModelBehavior, ConnectionTrait, DbErr, prelude::async_trait,
            };

            #[async_trait::async_trait]
            impl ActiveModelBehavior for $($module)::+::ActiveModel {
                async fn before_save<C>(self, database: &C, created: bool) -> ::core::result::Result<Self, DbErr>
                where
                    C: ConnectionTrait,
                {
                    behavior::before_save::<$($module)::+::Entity, C>(self, database, created).await
                }

                async fn after_save<C>(
                    model: $($module)::+::Model,
                    database: &C,
                    created: bool,
                ) -> ::core::result::Result<$($module)::+::Model, DbErr>
                where
                    C: ConnectionTrait,
                {
                    behavior::after_save::<$($module)::+::Entity, C>(model, database, created).await
                }

                async fn before_delete<C>(self, database: &C) -> ::core::result::Result<Self, DbErr>
                where
                    C: ConnectionTrait,
                {
                    behavior::before_delete::<$($module)::+::Entity, C>(self, database).await
                }

                async fn after_delete<C>(self, database: &C) -> ::core::result::Result<Self, DbErr>
                where
                    C: ConnectionTrait,
                {
                    behavior::after_delete::<$($module)::+::Entity, C>(self, database).await
                }
            }
        };
    };
}
