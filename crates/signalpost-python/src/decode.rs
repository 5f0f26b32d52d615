//! JSON as values of Python.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple};
use signalpost_store::{PayloadLimits, decode_payload};

use crate::codec::Codec;
use crate::node::{Node, Tag};
use crate::path::{Step, render};

type Built<'py> = PyResult<Bound<'py, PyAny>>;

/// A row to be read: label, key, alias and path.
type Reference<'py> = (String, Bound<'py, PyAny>, Option<String>, String);

/// Makes one value.
pub(crate) struct Decoder<'a, 'py> {
    codec: &'a Codec,
    py: Python<'py>,
    limits: PayloadLimits,
    path: Vec<Step>,
    /// Instances that were read, by the addresses of their nodes.
    instances: HashMap<usize, Bound<'py, PyAny>>,
}

impl<'a, 'py> Decoder<'a, 'py> {
    pub(crate) fn new(codec: &'a Codec, py: Python<'py>) -> Self {
        Self { codec, py, limits: PayloadLimits::default(), path: Vec::new(), instances: HashMap::new() }
    }

    pub(crate) fn text(mut self, payload: &Bound<'py, PyString>, using: Option<&Bound<'py, PyString>>) -> Built<'py> {
        let Ok(text) = payload.to_str() else {
            return Err(self.wrong("holds a lone surrogate"));
        };
        let root: Node = decode_payload(text.as_bytes(), self.limits).map_err(|error| {
            let path = error.path().unwrap_or("$");
            let reason = error.to_string();
            let reason = reason.trim_start_matches("the payload ").trim_start_matches(&format!("at {path} "));
            self.codec.undecodable(self.py, path, reason, None)
        })?;
        let (mut places, mut references) = (Vec::new(), Vec::new());
        self.collect(&root, 0, &mut places, &mut references)?;
        if !references.is_empty() {
            let read = self.codec.load(references, using, self.py)?;
            self.instances = places.into_iter().zip(read).collect();
        }
        self.value(&root, 0)
    }

    fn wrong(&self, reason: &str) -> PyErr {
        self.codec.undecodable(self.py, &render(&self.path), reason, None)
    }

    fn within<T>(&mut self, step: Step, inner: impl FnOnce(&mut Self) -> PyResult<T>) -> PyResult<T> {
        self.path.push(step);
        let outcome = inner(self);
        self.path.pop();
        outcome
    }

    fn check_depth(&self, depth: usize) -> PyResult<()> {
        if depth <= self.limits.max_depth {
            return Ok(());
        }
        Err(self.wrong(&format!("is nested deeper than {} levels", self.limits.max_depth)))
    }

    fn tag<'n>(&self, entries: &'n [(String, Node)]) -> PyResult<Option<Tag<'n>>> {
        Node::tag(entries).map_err(|reason| self.wrong(reason))
    }

    /// Finds what is to be read, so that it can be read together.
    fn collect(
        &mut self,
        node: &Node,
        depth: usize,
        places: &mut Vec<usize>,
        references: &mut Vec<Reference<'py>>,
    ) -> PyResult<()> {
        match node {
            Node::List(items) => {
                self.check_depth(depth + 1)?;
                self.collect_items(items, depth + 1, places, references)
            }
            Node::Object(entries) => match self.tag(entries)? {
                Some(Tag { name: "instance", arguments }) => {
                    self.check_depth(depth + 2)?;
                    references.push(self.reference(arguments, depth + 2)?);
                    places.push(std::ptr::from_ref(node) as usize);
                    Ok(())
                }
                Some(Tag { name: "dict", arguments: [Node::List(pairs)] }) => {
                    for pair in pairs {
                        if let Node::List(pair) = pair
                            && let [key, value] = pair.as_slice()
                        {
                            let step = key_step(key);
                            self.within(step, |it| it.collect(value, depth + 4, places, references))?;
                        }
                    }
                    Ok(())
                }
                Some(tag) => self.collect_items(tag.arguments, depth + 2, places, references),
                None => {
                    self.check_depth(depth + 1)?;
                    for (key, value) in entries {
                        let step = Step::Key(key.clone());
                        self.within(step, |it| it.collect(value, depth + 1, places, references))?;
                    }
                    Ok(())
                }
            },
            _ => Ok(()),
        }
    }

    fn collect_items(
        &mut self,
        items: &[Node],
        depth: usize,
        places: &mut Vec<usize>,
        references: &mut Vec<Reference<'py>>,
    ) -> PyResult<()> {
        for (index, item) in items.iter().enumerate() {
            self.within(Step::Index(index), |it| it.collect(item, depth, places, references))?;
        }
        Ok(())
    }

    fn reference(&mut self, arguments: &[Node], depth: usize) -> PyResult<Reference<'py>> {
        let [Node::Text(label), key, alias] = arguments else {
            return Err(self.wrong("is an instance without label, key and alias"));
        };
        let alias = match alias {
            Node::Null => None,
            Node::Text(alias) => Some(alias.clone()),
            _ => return Err(self.wrong("is an instance of which the alias is no text")),
        };
        let key = self.within(Step::Key("pk".to_owned()), |it| it.value(key, depth))?;
        Ok((label.clone(), key, alias, render(&self.path)))
    }

    fn value(&mut self, node: &Node, depth: usize) -> Built<'py> {
        let py = self.py;
        match node {
            Node::Null => Ok(py.None().into_bound(py)),
            Node::Bool(truth) => Ok(truth.into_pyobject(py)?.to_owned().into_any()),
            Node::Signed(number) => Ok(number.into_pyobject(py)?.into_any()),
            Node::Unsigned(number) => Ok(number.into_pyobject(py)?.into_any()),
            Node::Float(number) => Ok(number.into_pyobject(py)?.into_any()),
            Node::Text(text) => Ok(PyString::new(py, text).into_any()),
            Node::List(items) => {
                self.check_depth(depth + 1)?;
                Ok(PyList::new(py, self.items(items, depth + 1)?)?.into_any())
            }
            Node::Object(entries) => match self.tag(entries)? {
                Some(tag) => {
                    self.check_depth(depth + 2)?;
                    self.tagged(node, tag, depth + 2)
                }
                None => {
                    self.check_depth(depth + 1)?;
                    let dict = PyDict::new(py);
                    for (key, value) in entries {
                        let value = self.within(Step::Key(key.clone()), |it| it.value(value, depth + 1))?;
                        dict.set_item(key, value)?;
                    }
                    Ok(dict.into_any())
                }
            },
        }
    }

    fn items(&mut self, items: &[Node], depth: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let items = items.iter().enumerate();
        items.map(|(index, item)| self.within(Step::Index(index), |it| it.value(item, depth))).collect()
    }

    fn tagged(&mut self, node: &Node, tag: Tag<'_>, depth: usize) -> Built<'py> {
        let py = self.py;
        let standard = &self.codec.standard;
        match (tag.name, tag.arguments) {
            ("tuple", items) => Ok(PyTuple::new(py, self.items(items, depth)?)?.into_any()),
            ("set", items) => {
                let items = self.items(items, depth)?;
                self.made(PySet::new(py, items).map(Bound::into_any))
            }
            ("frozenset", items) => {
                let items = self.items(items, depth)?;
                self.made(PyFrozenSet::new(py, items).map(Bound::into_any))
            }
            ("dict", [Node::List(pairs)]) => self.pairs(pairs, depth + 2),
            ("int", [Node::Text(text)]) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                    return Err(self.wrong("is no integer"));
                }
                self.made(standard.integer.bind(py).call1((text,)))
            }
            ("datetime", [Node::Text(text)]) => self.from_text(&standard.datetime, "fromisoformat", text),
            ("date", [Node::Text(text)]) => self.from_text(&standard.date, "fromisoformat", text),
            ("time", [Node::Text(text)]) => self.from_text(&standard.time, "fromisoformat", text),
            ("timedelta", [Node::Signed(_) | Node::Unsigned(_), _, _]) => {
                let parts = PyTuple::new(py, self.items(tag.arguments, depth)?)?;
                self.made(standard.timedelta.bind(py).call1(parts))
            }
            ("decimal", [Node::Text(text)]) => self.made(standard.decimal.bind(py).call1((text,))),
            ("uuid", [Node::Text(text)]) => self.made(standard.uuid.bind(py).call1((text,))),
            ("bytes", [Node::Text(text)]) => match BASE64_STANDARD.decode(text) {
                Ok(bytes) => Ok(PyBytes::new(py, &bytes).into_any()),
                Err(error) => Err(self.wrong(&format!("is no base64: {error}"))),
            },
            ("lazy", [Node::Text(text)]) => Ok(PyString::new(py, text).into_any()),
            ("instance", _) => match self.instances.get(&(std::ptr::from_ref(node) as usize)) {
                Some(instance) => Ok(instance.clone()),
                None => Err(self.wrong("is an instance where none can be")),
            },
            (name, arguments) => {
                let arguments = self.items(arguments, depth)?;
                self.codec.resolve(name, arguments, &render(&self.path), py)
            }
        }
    }

    fn from_text(&self, class: &Py<PyAny>, method: &str, text: &str) -> Built<'py> {
        self.made(class.bind(self.py).call_method1(method, (text,)))
    }

    /// What Python made, or why it could not.
    fn made(&self, built: Built<'py>) -> Built<'py> {
        built.map_err(|error| {
            if !error.is_instance_of::<PyException>(self.py) {
                return error;
            }
            let reason = format!("cannot be read: {}", error.value(self.py));
            self.codec.undecodable(self.py, &render(&self.path), &reason, Some(error))
        })
    }

    fn pairs(&mut self, pairs: &[Node], depth: usize) -> Built<'py> {
        self.check_depth(depth)?;
        let dict = PyDict::new(self.py);
        for (index, pair) in pairs.iter().enumerate() {
            let Node::List(pair) = pair else { return Err(self.wrong("is a dictionary of what are no pairs")) };
            let [key, value] = pair.as_slice() else {
                return Err(self.wrong("is a dictionary of what are no pairs"));
            };
            let step = key_step(key);
            let key = self.within(Step::Key(format!("keys()[{index}]")), |it| it.value(key, depth))?;
            let value = self.within(step, |it| it.value(value, depth))?;
            self.made(dict.set_item(key, value).map(|()| dict.clone().into_any()))?;
        }
        Ok(dict.into_any())
    }
}

fn key_step(key: &Node) -> Step {
    match key {
        Node::Text(text) => Step::Key(text.clone()),
        Node::Signed(number) => Step::Item(number.to_string()),
        _ => Step::Item("…".to_owned()),
    }
}
