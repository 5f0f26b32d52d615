//! The frames of the worker that come often: tasks.
//!
//! `docs/django-worker.md` specifies them. A child reads thousands in a second, and Python's own reader makes every name and number
//! an object that has to be looked at again.

use std::borrow::Cow;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use serde::Deserialize;

/// The body of a frame `T`. Fields that are not known are passed over; those that may be null may be left out.
#[derive(Deserialize)]
struct Tasks<'a> {
    #[serde(borrow)]
    tasks: Vec<Task<'a>>,
}

#[derive(Deserialize)]
struct Task<'a> {
    run: u64,
    #[serde(borrow)]
    store: Cow<'a, str>,
    id: i64,
    fence: i64,
    attempt: i64,
    deaths: i64,
    depth: i64,
    priority: i64,
    payload_version: i64,
    created_at: i64,
    #[serde(borrow)]
    send_id: Cow<'a, str>,
    #[serde(borrow)]
    signal: Cow<'a, str>,
    #[serde(borrow)]
    receiver: Cow<'a, str>,
    #[serde(borrow)]
    queue: Cow<'a, str>,
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(borrow)]
    headers: Cow<'a, str>,
    #[serde(borrow, default)]
    sender: Option<Cow<'a, str>>,
    #[serde(default)]
    parent: Option<i64>,
    #[serde(default)]
    unknown_since: Option<i64>,
}

/// The tasks of a frame's body: pairs of a run and the fields of a `signalpost.stored_task.StoredTask`.
///
/// # Errors
///
/// `ValueError` for what is no such body.
#[pyfunction]
pub(crate) fn tasks<'py>(py: Python<'py>, body: &[u8]) -> PyResult<Bound<'py, PyList>> {
    let read: Tasks<'_> = serde_json::from_slice(body).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let list = PyList::empty(py);
    for task in &read.tasks {
        if task.run == 0 {
            return Err(PyValueError::new_err("the field `run` of a task is 0"));
        }
        let fields = task.fields(py)?;
        list.append(PyTuple::new(py, [task.run.into_pyobject(py)?.into_any(), fields.into_any()])?)?;
    }
    Ok(list)
}

impl Task<'_> {
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let fields = PyDict::new(py);
        // In the order of the class: with all of its instances alike, Python keeps the names once.
        fields.set_item(intern!(py, "id"), self.id)?;
        fields.set_item(intern!(py, "send_id"), &*self.send_id)?;
        fields.set_item(intern!(py, "signal"), &*self.signal)?;
        fields.set_item(intern!(py, "sender"), self.sender.as_deref())?;
        fields.set_item(intern!(py, "receiver"), &*self.receiver)?;
        fields.set_item(intern!(py, "queue"), &*self.queue)?;
        fields.set_item(intern!(py, "priority"), self.priority)?;
        fields.set_item(intern!(py, "payload"), &*self.payload)?;
        fields.set_item(intern!(py, "headers"), &*self.headers)?;
        fields.set_item(intern!(py, "parent"), self.parent)?;
        fields.set_item(intern!(py, "depth"), self.depth)?;
        fields.set_item(intern!(py, "using"), &*self.store)?;
        fields.set_item(intern!(py, "payload_version"), self.payload_version)?;
        fields.set_item(intern!(py, "attempt"), self.attempt)?;
        fields.set_item(intern!(py, "deaths"), self.deaths)?;
        fields.set_item(intern!(py, "fence"), self.fence)?;
        fields.set_item(intern!(py, "created_at"), self.created_at)?;
        fields.set_item(intern!(py, "unknown_since"), self.unknown_since)?;
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = r#"{"run": 7, "store": "default", "id": 1, "fence": 2, "attempt": 3, "deaths": 0, "depth": 0, "priority": -5,
        "payload_version": 1, "created_at": 9, "send_id": "u", "signal": "s\u00e9", "receiver": "r", "queue": "q",
        "payload": "{\"named\": {}}", "headers": "{}", "key": null, "more": [1]}"#;

    #[test]
    fn what_may_be_null_may_be_left_out_and_what_is_not_known_is_passed_over() {
        let body = format!(r#"{{"tasks": [{TASK}], "more": {{}}}}"#);
        let read: Tasks<'_> = serde_json::from_str(&body).unwrap();
        let task = &read.tasks[0];
        assert_eq!((task.run, task.priority, &*task.signal), (7, -5, "sé"));
        assert_eq!((&task.sender, task.parent, task.unknown_since), (&None, None, None));
        assert_eq!(task.payload, r#"{"named": {}}"#);
    }

    #[test]
    fn each_field_that_is_needed_is_missed() {
        for field in ["run", "store", "id", "fence", "payload", "headers", "created_at"] {
            let without = TASK.replacen(&format!("\"{field}\":"), "\"other\":", 1);
            let error = serde_json::from_str::<Task<'_>>(&without).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }
}
