//! The codec as Python holds it.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::decode::Decoder;
use crate::encode::{Dropped, Encoder};
use crate::kind::{Classes, Kind, class_json};
use crate::refusal::Failure;
use crate::send_id::new_send;

/// Writes values of Python as JSON within the limits of a payload, and makes them again.
///
/// What it knows nothing of it asks of the functions that it is given.
#[pyclass(frozen, module = "signalpost._native")]
pub(crate) struct Codec {
    /// `(class) -> tuple`: how the class's instances are written. Asked once for each class.
    kind_of: Py<PyAny>,
    /// `(class) -> tuple`: how the class itself is written. Asked once for each class.
    name_of_class: Py<PyAny>,
    /// `(tag, arguments, path) -> object`: what a tag stands for that is none of the standard library's.
    resolve: Py<PyAny>,
    /// `([(label, key, alias, path), …], using) -> [object, …]`: reads instances.
    load: Py<PyAny>,
    /// Django's `router`: its `routers` are those of the project.
    pub(crate) router: Py<PyAny>,
    /// `(instance, using) -> alias`: where an instance is written by what the routers say, `using` being what was sent under that
    /// name.
    pub(crate) write_alias: Py<PyAny>,
    /// `(path, reason) -> Exception`.
    cannot_travel: Py<PyAny>,
    /// `(path, reason) -> Exception`.
    cannot_decode: Py<PyAny>,
    kinds: Classes<Kind>,
    classes: Classes<Arc<str>>,
    pub(crate) standard: Standard,
}

/// What is used of the standard library.
pub(crate) struct Standard {
    pub(crate) integer_text: Py<PyAny>,
    pub(crate) datetime: Py<PyAny>,
    pub(crate) datetime_text: Py<PyAny>,
    pub(crate) date: Py<PyAny>,
    pub(crate) date_text: Py<PyAny>,
    pub(crate) time: Py<PyAny>,
    pub(crate) time_text: Py<PyAny>,
    pub(crate) timedelta: Py<PyAny>,
    pub(crate) decimal: Py<PyAny>,
    pub(crate) decimal_text: Py<PyAny>,
    pub(crate) uuid: Py<PyAny>,
    pub(crate) integer: Py<PyAny>,
}

impl Standard {
    /// The functions of the classes themselves: a subclass may write itself in another way.
    fn new(py: Python<'_>) -> PyResult<Self> {
        let datetime = py.import("datetime")?;
        let decimal = py.import("decimal")?.getattr("Decimal")?;
        let integer = py.import("builtins")?.getattr("int")?;
        let class = |name: &str| datetime.getattr(name);
        let text = |name: &str| Ok::<_, PyErr>(datetime.getattr(name)?.getattr("isoformat")?.unbind());
        Ok(Self {
            integer_text: integer.getattr("__repr__")?.unbind(),
            datetime: class("datetime")?.unbind(),
            datetime_text: text("datetime")?,
            date: class("date")?.unbind(),
            date_text: text("date")?,
            time: class("time")?.unbind(),
            time_text: text("time")?,
            timedelta: class("timedelta")?.unbind(),
            decimal_text: decimal.getattr("__str__")?.unbind(),
            decimal: decimal.unbind(),
            uuid: py.import("uuid")?.getattr("UUID")?.unbind(),
            integer: integer.unbind(),
        })
    }
}

impl Codec {
    pub(crate) fn kind(&self, class: &Bound<'_, PyType>) -> PyResult<Kind> {
        if let Some(kind) = self.kinds.get(class) {
            return Ok(kind);
        }
        let answer = self.kind_of.bind(class.py()).call1((class,))?;
        let kind = Kind::of(answer.cast::<PyTuple>()?)?;
        // A refusal is not kept: what is not found by its name now may be found later.
        if !matches!(kind, Kind::Refused(_)) {
            self.kinds.insert(class, kind.clone());
        }
        Ok(kind)
    }

    /// How a class is written, or why it cannot be.
    pub(crate) fn class(&self, class: &Bound<'_, PyType>) -> PyResult<Result<Arc<str>, String>> {
        if let Some(json) = self.classes.get(class) {
            return Ok(Ok(json));
        }
        let answer = self.name_of_class.bind(class.py()).call1((class,))?;
        let json = class_json(answer.cast::<PyTuple>()?)?;
        if let Ok(json) = &json {
            self.classes.insert(class, json.clone());
        }
        Ok(json)
    }

    pub(crate) fn resolve<'py>(
        &self,
        tag: &str,
        arguments: Vec<Bound<'py, PyAny>>,
        path: &str,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.resolve.bind(py).call1((tag, arguments, path))
    }

    pub(crate) fn load<'py>(
        &self,
        references: Vec<(String, Bound<'py, PyAny>, Option<String>, String)>,
        using: Option<&Bound<'py, PyString>>,
        py: Python<'py>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.load.bind(py).call1((references, using))?.extract()
    }

    pub(crate) fn undecodable(&self, py: Python<'_>, path: &str, reason: &str, cause: Option<PyErr>) -> PyErr {
        let error = match self.cannot_decode.bind(py).call1((path, reason)) {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        };
        if cause.is_some() {
            error.set_cause(py, cause);
        }
        error
    }

    fn failed(&self, py: Python<'_>, failure: Failure) -> PyErr {
        match failure {
            Failure::Raised(error) => error,
            Failure::Refused(refusal) => match self.cannot_travel.bind(py).call1((refusal.path(), refusal.reason)) {
                Ok(error) => PyErr::from_value(error),
                Err(error) => error,
            },
        }
    }
}

#[pymethods]
impl Codec {
    #[new]
    #[pyo3(signature = (*, kind_of, name_of_class, resolve, load, router, write_alias, cannot_travel, cannot_decode))]
    #[expect(clippy::too_many_arguments, reason = "each is named where it is called")]
    fn new(
        py: Python<'_>,
        kind_of: Py<PyAny>,
        name_of_class: Py<PyAny>,
        resolve: Py<PyAny>,
        load: Py<PyAny>,
        router: Py<PyAny>,
        write_alias: Py<PyAny>,
        cannot_travel: Py<PyAny>,
        cannot_decode: Py<PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            kind_of,
            name_of_class,
            resolve,
            load,
            router,
            write_alias,
            cannot_travel,
            cannot_decode,
            kinds: Classes::new(),
            classes: Classes::new(),
            standard: Standard::new(py)?,
        })
    }

    /// One value as JSON.
    fn encode(&self, value: &Bound<'_, PyAny>) -> PyResult<String> {
        Encoder::new(self, true).single(value).map_err(|failure| self.failed(value.py(), failure))
    }

    /// A new send: its id, the milliseconds since 1970 that stand in it, and what it hands over as JSON, `{"sender": …,
    /// "args": […], "named": {…}}`, without `args` where there are none. Then what was left out, if anything was.
    #[pyo3(signature = (sender, named, strict, args = None))]
    fn new_send<'py>(
        &self,
        sender: &Bound<'py, PyAny>,
        named: &Bound<'py, PyDict>,
        strict: bool,
        args: Option<&Bound<'py, PyTuple>>,
    ) -> PyResult<(String, u64, String, Option<Dropped>)> {
        let encoded = Encoder::new(self, strict).send(sender, named, args);
        let (payload, dropped) = encoded.map_err(|failure| self.failed(named.py(), failure))?;
        let (send_id, sent_at) = new_send()?;
        Ok((send_id, sent_at, payload, (!dropped.is_empty()).then_some(dropped)))
    }

    /// The value that a JSON text stands for. Instances are read from the database.
    #[pyo3(signature = (payload, using = None))]
    fn decode<'py>(
        &self,
        payload: &Bound<'py, PyString>,
        using: Option<&Bound<'py, PyString>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Decoder::new(self, payload.py()).text(payload, using)
    }
}
