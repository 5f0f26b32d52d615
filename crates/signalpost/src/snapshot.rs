//! What travels beside a model's key.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What is said of a model beside its key, as it was when a signal was sent: some of its columns. It stands in each task,
/// so let it be little.
///
/// ```
/// use serde::Serialize;
/// use signalpost::{Model, Snapshot};
///
/// struct Article {
///     id: i64,
///     slug: String,
///     body: String,
/// }
///
/// #[derive(Serialize)]
/// struct Address<'a> {
///     slug: &'a str,
/// }
///
/// impl Model for Article {
///     const LABEL: &'static str = "news.Article";
///     type Key = i64;
///
///     fn key(&self) -> i64 {
///         self.id
///     }
///
///     fn snapshot(&self) -> Snapshot {
///         Snapshot::of(&Address { slug: &self.slug })
///     }
/// }
/// ```
#[derive(Clone, Default)]
pub struct Snapshot(Option<Arc<Result<Value, String>>>);

impl Snapshot {
    /// Nothing.
    pub const NONE: Self = Self(None);

    /// This, as JSON. What cannot be written as JSON is an error of the send.
    pub fn of<T: Serialize + ?Sized>(what: &T) -> Self {
        Self(Some(Arc::new(serde_json::to_value(what).map_err(|error| error.to_string()))))
    }

    /// Some columns, each with its value as JSON.
    pub(crate) fn of_columns<const N: usize>(columns: [(&str, serde_json::Result<Value>); N]) -> Self {
        let named = |(column, value): (&str, serde_json::Result<Value>)| match value {
            Ok(value) => Ok((column.to_owned(), value)),
            Err(error) => Err(format!("column {column}: {error}")),
        };
        let columns = columns.into_iter().map(named).collect::<Result<serde_json::Map<_, _>, _>>();
        Self(Some(Arc::new(columns.map(Value::Object))))
    }

    /// True for [`Snapshot::NONE`].
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<Option<T>, String> {
        let Some(written) = &self.0 else { return Ok(None) };
        T::deserialize((**written).as_ref()?).map(Some).map_err(|error| error.to_string())
    }
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_deref() {
            None => serializer.serialize_none(),
            Some(Ok(value)) => value.serialize(serializer),
            Some(Err(problem)) => Err(S::Error::custom(problem)),
        }
    }
}

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::<Value>::deserialize(deserializer)?;
        Ok(Self(value.map(|value| Arc::new(Ok(value)))))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            None => f.write_str("Snapshot::NONE"),
            Some(Ok(value)) => write!(f, "Snapshot({value})"),
            Some(Err(problem)) => write!(f, "Snapshot({problem})"),
        }
    }
}
