//! Models in payloads: by key, and read again when the receiver runs.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signalpost_dispatch::BoxError;

/// A model that can travel in a payload as an [`Instance`].
///
/// ```
/// use signalpost::Model;
///
/// struct Article {
///     id: i64,
///     title: String,
/// }
///
/// impl Model for Article {
///     const LABEL: &'static str = "news.Article";
///     type Key = i64;
///
///     fn key(&self) -> i64 {
///         self.id
///     }
/// }
/// ```
pub trait Model: Sized {
    /// The name that stands beside the key in stored payloads. Given by hand: a type's own name changes when it moves.
    const LABEL: &'static str;

    /// What [`Model::LABEL`] was before: a payload that holds one of these is read all the same. Default: nothing else.
    const ALIASES: &'static [&'static str] = &[];

    /// What finds the model again.
    type Key: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync;

    /// This one's key.
    fn key(&self) -> Self::Key;
}

/// Somewhere a model can be read from: a connection.
pub trait Load<M: Model> {
    /// Reads the model; `None` when it is not there any more.
    fn load(&self, key: &M::Key) -> impl Future<Output = Result<Option<M>, BoxError>> + Send;
}

/// A model in a payload. The key travels; the model is read when it is needed, as it is then.
///
/// ```
/// # use signalpost::Model;
/// # struct Article { id: i64 }
/// # impl Model for Article {
/// #     const LABEL: &'static str = "news.Article";
/// #     type Key = i64;
/// #     fn key(&self) -> i64 { self.id }
/// # }
/// use signalpost::Instance;
///
/// let travels = Instance::of(&Article { id: 7 });
/// let json = serde_json::to_string(&travels)?;
/// assert_eq!(json, r#"{"model":"news.Article","key":7}"#);
/// let arrived: Instance<Article> = serde_json::from_str(&json)?;
/// assert_eq!(*arrived.pk(), 7);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Instance<M: Model> {
    key: M::Key,
    model: PhantomData<fn() -> M>,
}

impl<M: Model> Instance<M> {
    /// The instance that `model` is.
    pub fn of(model: &M) -> Self {
        Self::with_key(model.key())
    }

    /// The instance with this key, there or not.
    pub fn with_key(key: M::Key) -> Self {
        Self { key, model: PhantomData }
    }

    /// The key: known even when the model is gone.
    pub fn pk(&self) -> &M::Key {
        &self.key
    }

    /// Reads the model as it is now; `None` when it has been deleted meanwhile.
    ///
    /// # Errors
    ///
    /// What reading it gives.
    pub async fn load(&self, from: &impl Load<M>) -> Result<Option<M>, BoxError> {
        from.load(&self.key).await
    }
}

#[cfg(feature = "sea-orm")]
impl<M> Load<M> for sea_orm::DatabaseConnection
where
    M: Model + sea_orm::ModelTrait + sea_orm::FromQueryResult + Send,
    M::Entity: sea_orm::EntityTrait<Model = M>,
    <<M::Entity as sea_orm::EntityTrait>::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType: From<M::Key>,
{
    async fn load(&self, key: &M::Key) -> Result<Option<M>, BoxError> {
        use sea_orm::EntityTrait;
        Ok(M::Entity::find_by_id(key.clone()).one(self).await?)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored<L, K> {
    model: L,
    key: K,
}

impl<M: Model> Serialize for Instance<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored { model: M::LABEL, key: &self.key }.serialize(serializer)
    }
}

impl<'de, M: Model> Deserialize<'de> for Instance<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::<String, M::Key>::deserialize(deserializer)?;
        if stored.model != M::LABEL && !M::ALIASES.contains(&&*stored.model) {
            return Err(D::Error::custom(format!("this is a `{}`, not a `{}`", stored.model, M::LABEL)));
        }
        Ok(Self::with_key(stored.key))
    }
}

impl<M: Model> Clone for Instance<M> {
    fn clone(&self) -> Self {
        Self::with_key(self.key.clone())
    }
}

impl<M: Model> fmt::Debug for Instance<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", M::LABEL, self.key)
    }
}
