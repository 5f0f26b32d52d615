//! Models in payloads: by key, and read again when the receiver runs.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signalpost_dispatch::BoxError;

use crate::{Data, Snapshot};

/// A model that can travel in a payload as an [`Instance`].
///
/// Entities of SeaORM have it from [`model!`](crate::model). By hand:
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

    /// What travels beside the key, for receivers that run when the model is gone. Default: nothing.
    fn snapshot(&self) -> Snapshot {
        Snapshot::NONE
    }
}

/// Somewhere a model can be read from: a connection.
pub trait Load<M: Model> {
    /// Reads the model; `None` when it is not there any more.
    fn load(&self, key: &M::Key) -> impl Future<Output = Result<Option<M>, BoxError>> + Send;
}

/// A model in a payload. The key travels; the model is read when it is needed, as it is then.
///
/// A receiver reads it from something that the worker was given: it takes [`Data<DatabaseConnection>`](crate::Data), say,
/// and `event.payload.article.load(&database)` reads the article. A worker that was not given one does not start.
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
    snapshot: Snapshot,
    model: PhantomData<fn() -> M>,
}

impl<M: Model> Instance<M> {
    /// The instance that `model` is, with the snapshot that the model says of itself.
    pub fn of(model: &M) -> Self {
        Self { key: model.key(), snapshot: model.snapshot(), model: PhantomData }
    }

    /// The instance with this key, there or not, and without a snapshot.
    pub fn with_key(key: M::Key) -> Self {
        Self { key, snapshot: Snapshot::NONE, model: PhantomData }
    }

    /// The same instance with this beside its key: what a receiver needs to know when the model is gone.
    ///
    /// ```
    /// # use signalpost::Model;
    /// # struct Article { id: i64, picture: String }
    /// # impl Model for Article {
    /// #     const LABEL: &'static str = "news.Article";
    /// #     type Key = i64;
    /// #     fn key(&self) -> i64 { self.id }
    /// # }
    /// use serde::{Deserialize, Serialize};
    /// use signalpost::{BoxError, Instance, Snapshot};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Files {
    ///     picture: String,
    /// }
    ///
    /// let article = Article { id: 7, picture: "harbour.png".to_owned() };
    /// let files = Files { picture: article.picture.clone() };
    /// let travels = Instance::of(&article).with_snapshot(Snapshot::of(&files));
    ///
    /// let json = serde_json::to_string(&travels)?;
    /// assert_eq!(json, r#"{"model":"news.Article","key":7,"snapshot":{"picture":"harbour.png"}}"#);
    /// let arrived: Instance<Article> = serde_json::from_str(&json)?;
    /// let files: Option<Files> = arrived.snapshot()?;
    /// assert_eq!(files.unwrap().picture, "harbour.png");
    /// # Ok::<(), BoxError>(())
    /// ```
    #[must_use]
    pub fn with_snapshot(self, snapshot: Snapshot) -> Self {
        Self { snapshot, ..self }
    }

    /// What travelled beside the key, as it was when the signal was sent; `None` when nothing did.
    ///
    /// # Errors
    ///
    /// When it is not a `T`. In a receiver that is a failure which every attempt would meet: see
    /// [`Permanent`](crate::Permanent).
    pub fn snapshot<T: DeserializeOwned>(&self) -> Result<Option<T>, BoxError> {
        self.snapshot.read().map_err(|error| format!("the snapshot of {self:?}: {error}").into())
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

impl<M: Model, T: Load<M> + Sync> Load<M> for Data<T> {
    fn load(&self, key: &M::Key) -> impl Future<Output = Result<Option<M>, BoxError>> + Send {
        T::load(self, key)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored<L, K> {
    model: L,
    key: K,
    #[serde(default, skip_serializing_if = "Snapshot::is_none")]
    snapshot: Snapshot,
}

impl<M: Model> Serialize for Instance<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored { model: M::LABEL, key: &self.key, snapshot: self.snapshot.clone() }.serialize(serializer)
    }
}

impl<'de, M: Model> Deserialize<'de> for Instance<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::<String, M::Key>::deserialize(deserializer)?;
        if stored.model != M::LABEL && !M::ALIASES.contains(&&*stored.model) {
            return Err(D::Error::custom(format!("this is a `{}`, not a `{}`", stored.model, M::LABEL)));
        }
        Ok(Self::with_key(stored.key).with_snapshot(stored.snapshot))
    }
}

impl<M: Model> Clone for Instance<M> {
    fn clone(&self) -> Self {
        Self::with_key(self.key.clone()).with_snapshot(self.snapshot.clone())
    }
}

impl<M: Model> fmt::Debug for Instance<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", M::LABEL, self.key)
    }
}
