//! What is known of a class: how its instances are written, and how it is written itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

/// How the instances of a class are written.
#[derive(Clone)]
pub(crate) enum Kind {
    Text,
    Integer,
    Float,
    Bytes,
    Set,
    Frozenset,
    Datetime,
    Date,
    Time,
    Timedelta,
    Decimal,
    Uuid,
    /// A member of an enumeration, by its name.
    Enum(Arc<Named>),
    /// A member of an enumeration of flags, which may be several in one.
    Flag(Arc<Named>),
    /// An instance of a model.
    Instance(Arc<Model>),
    /// A tag whose arguments a function of Python tells.
    Tagged(Arc<Tagged>),
    /// It stands for another value, which a function of Python tells.
    Unwrapped(Arc<Py<PyAny>>),
    /// It has no form; the reason.
    Refused(Arc<str>),
}

/// A class with a name that the worker finds it by.
pub(crate) struct Named {
    /// As people read it.
    pub(crate) name: String,
    /// The beginning of the tag, up to and including the comma.
    pub(crate) opening: String,
}

/// A model.
pub(crate) struct Model {
    pub(crate) named: Arc<Named>,
    /// The attribute that holds the primary key. `pk` leads to it, through code of Python's.
    pub(crate) key: Py<PyString>,
}

pub(crate) struct Tagged {
    pub(crate) tag: String,
    pub(crate) take_apart: Py<PyAny>,
}

impl Kind {
    /// Of what Python says of a class: the name of a kind, and what belongs to it.
    pub(crate) fn of(answer: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let text = |at: usize| answer.get_item(at)?.extract::<String>();
        let function = |at: usize| answer.get_item(at).map(Bound::unbind);
        let named = |tag: &str, parts: &[String]| {
            let opening = parts.iter().fold(format!(r#"{{"$":["{tag}","#), |text, part| text + &quoted(part) + ",");
            Arc::new(Named { name: parts.join("."), opening })
        };
        Ok(match &*text(0)? {
            "text" => Self::Text,
            "integer" => Self::Integer,
            "float" => Self::Float,
            "bytes" => Self::Bytes,
            "set" => Self::Set,
            "frozenset" => Self::Frozenset,
            "datetime" => Self::Datetime,
            "date" => Self::Date,
            "time" => Self::Time,
            "timedelta" => Self::Timedelta,
            "decimal" => Self::Decimal,
            "uuid" => Self::Uuid,
            "enum" => Self::Enum(named("enum", &[text(1)?, text(2)?])),
            "flag" => Self::Flag(named("enum", &[text(1)?, text(2)?])),
            "instance" => {
                let key = answer.get_item(2)?.cast_into::<PyString>()?.unbind();
                Self::Instance(Arc::new(Model { named: named("instance", &[text(1)?]), key }))
            }
            "tagged" => Self::Tagged(Arc::new(Tagged { tag: text(1)?, take_apart: function(2)? })),
            "unwrapped" => Self::Unwrapped(Arc::new(function(1)?)),
            "refused" => Self::Refused(text(1)?.into()),
            other => return Err(PyValueError::new_err(format!("there is no kind `{other}`"))),
        })
    }
}

/// How a class is written, by what Python says of it.
pub(crate) fn class_json(answer: &Bound<'_, PyTuple>) -> PyResult<Result<Arc<str>, String>> {
    let parts: Vec<String> = answer.extract()?;
    if let [kind, reason] = parts.as_slice()
        && kind == "refused"
    {
        return Ok(Err(reason.clone()));
    }
    let parts: Vec<String> = parts.iter().map(|part| quoted(part)).collect();
    Ok(Ok(format!(r#"{{"$":[{}]}}"#, parts.join(",")).into()))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What is known of classes, each by its identity.
///
/// Locked by whoever holds the interpreter, and nobody lets go of it under the lock: so a fork never copies it locked.
pub(crate) struct Classes<T>(Mutex<BTreeMap<usize, (Py<PyType>, T)>>);

/// Classes that are made again and again must not be kept for ever.
const MOST_CLASSES: usize = 4096;

impl<T: Clone> Classes<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    pub(crate) fn get(&self, class: &Bound<'_, PyType>) -> Option<T> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(class.as_ptr() as usize)).map(|(_, value)| value.clone())
    }

    /// Remembers it. The class is kept too: another one must not get its address.
    pub(crate) fn insert(&self, class: &Bound<'_, PyType>, value: T) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = (known.len() >= MOST_CLASSES).then(|| std::mem::take(&mut *known));
        known.insert(class.as_ptr() as usize, (class.clone().unbind(), value));
        drop(known);
        // The end of a class may run Python's code: not under the lock.
        drop(forgotten);
    }
}
