//! JSON as values of Python.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBytes, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple};
use signalpost_store::{PayloadError, PayloadLimits, decode_payload};

use crate::codec::Codec;
use crate::node::{Node, Tag};
use crate::path::{Step, render};

/// The digits that Python reads without being told that more are fine.
pub(crate) const MOST_DIGITS: usize = 4300;

type Built<'py> = PyResult<Bound<'py, PyAny>>;

/// A row to be read: label, key, alias and path.
type Reference<'py> = (String, Bound<'py, PyAny>, Option<String>, String);

/// Makes one value.
pub(crate) struct Decoder<'a, 'py> {
    codec: &'a Codec,
    py: Python<'py>,
    limits: PayloadLimits,
    path: Vec<Step>,
    /// The rows to be read, each with the address of the node that names it.
    wanted: Vec<(usize, Reference<'py>)>,
    /// Those that were read, by these addresses.
    instances: HashMap<usize, Bound<'py, PyAny>>,
}

impl<'a, 'py> Decoder<'a, 'py> {
    pub(crate) fn new(codec: &'a Codec, py: Python<'py>) -> Self {
        Self {
            codec,
            py,
            limits: PayloadLimits::default(),
            path: Vec::new(),
            wanted: Vec::new(),
            instances: HashMap::new(),
        }
    }

    pub(crate) fn text(mut self, payload: &Bound<'py, PyString>, using: Option<&Bound<'py, PyString>>) -> Built<'py> {
        let Ok(text) = payload.to_str() else {
            return Err(self.wrong("holds a lone surrogate"));
        };
        let root: Node = decode_payload(text.as_bytes(), self.limits).map_err(|error| self.unreadable(&error))?;
        self.collect(&root, 0)?;
        if !self.wanted.is_empty() {
            let (places, references): (Vec<_>, Vec<_>) = std::mem::take(&mut self.wanted).into_iter().unzip();
            let read = self.codec.load(references, using, self.py)?;
            self.instances = places.into_iter().zip(read).collect();
        }
        self.value(&root, 0)
    }

    fn unreadable(&self, error: &PayloadError) -> PyErr {
        let path = error.path().unwrap_or("$");
        let text = error.to_string();
        let mut reason = text.as_str();
        // It is said once where it is, and once what is there.
        for prefix in ["the payload ", &format!("at {path} ")] {
            reason = reason.strip_prefix(prefix).unwrap_or(reason);
        }
        self.codec.undecodable(self.py, path, reason, None)
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
    fn collect(&mut self, node: &Node, depth: usize) -> PyResult<()> {
        match node {
            Node::List(items) => {
                self.check_depth(depth + 1)?;
                self.collect_items(items, depth + 1)
            }
            Node::Object(entries) => match self.tag(entries)? {
                Some(Tag { name: "instance", arguments }) => {
                    self.check_depth(depth + 2)?;
                    let reference = self.reference(arguments, depth + 2)?;
                    self.wanted.push((std::ptr::from_ref(node) as usize, reference));
                    Ok(())
                }
                Some(Tag { name: "dict", arguments: [Node::List(pairs)] }) => {
                    for (index, pair) in pairs.iter().enumerate() {
                        let (key, value) = self.pair(pair)?;
                        self.within(of_key(index), |it| it.collect(key, depth + 4))?;
                        self.within(key_step(key), |it| it.collect(value, depth + 4))?;
                    }
                    Ok(())
                }
                Some(tag) => self.collect_items(tag.arguments, depth + 2),
                None => {
                    self.check_depth(depth + 1)?;
                    for (key, value) in entries {
                        let step = Step::Key(key.clone());
                        self.within(step, |it| it.collect(value, depth + 1))?;
                    }
                    Ok(())
                }
            },
            _ => Ok(()),
        }
    }

    fn collect_items(&mut self, items: &[Node], depth: usize) -> PyResult<()> {
        for (index, item) in items.iter().enumerate() {
            self.within(Step::Index(index), |it| it.collect(item, depth))?;
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
                self.made(tag.name, PySet::new(py, items).map(Bound::into_any))
            }
            ("frozenset", items) => {
                let items = self.items(items, depth)?;
                self.made(tag.name, PyFrozenSet::new(py, items).map(Bound::into_any))
            }
            ("dict", [Node::List(pairs)]) => self.pairs(pairs, depth + 2),
            ("int", [Node::Text(text)]) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                if digits.is_empty()
                    || digits.len() > MOST_DIGITS
                    || !digits.bytes().all(|digit| digit.is_ascii_digit())
                {
                    return Err(self.wrong("is no integer that can be read"));
                }
                self.made(tag.name, standard.integer.bind(py).call1((text,)))
            }
            ("datetime", [Node::Text(text), fold @ ..]) => self.iso("datetime", &standard.datetime, text, fold),
            ("date", [Node::Text(text)]) => self.iso("date", &standard.date, text, &[]),
            ("time", [Node::Text(text), fold @ ..]) => self.iso("time", &standard.time, text, fold),
            ("timedelta", [Node::Signed(_) | Node::Unsigned(_), _, _]) => {
                let parts = PyTuple::new(py, self.items(tag.arguments, depth)?)?;
                self.made(tag.name, standard.timedelta.bind(py).call1(parts))
            }
            ("decimal", [Node::Text(text)]) => self.made(tag.name, standard.decimal.bind(py).call1((text,))),
            ("uuid", [Node::Text(text)]) => self.made(tag.name, standard.uuid.bind(py).call1((text,))),
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

    /// A date or a time, or both; `fold` is one where it is the second of two that the clock shows alike.
    fn iso(&self, tag: &str, class: &Py<PyAny>, text: &str, fold: &[Node]) -> Built<'py> {
        let read = class.bind(self.py).call_method1(intern!(self.py, "fromisoformat"), (text,));
        let fold = match fold {
            [] => return self.made(tag, read),
            [Node::Unsigned(fold)] => [("fold", *fold)].into_py_dict(self.py)?,
            _ => return Err(self.wrong("is a time with a fold that is none")),
        };
        self.made(tag, read.and_then(|read| read.call_method(intern!(self.py, "replace"), (), Some(&fold))))
    }

    /// What Python made of a tag, or why it could not.
    fn made(&self, tag: &str, built: Built<'py>) -> Built<'py> {
        built.map_err(|error| {
            if !error.is_instance_of::<PyException>(self.py) {
                return error;
            }
            let reason = format!("is no {tag} that can be made: {}", error.value(self.py));
            self.codec.undecodable(self.py, &render(&self.path), &reason, Some(error))
        })
    }

    fn pair<'n>(&self, node: &'n Node) -> PyResult<(&'n Node, &'n Node)> {
        match node {
            Node::List(pair) if pair.len() == 2 => Ok((&pair[0], &pair[1])),
            _ => Err(self.wrong("is a dictionary of what are no pairs")),
        }
    }

    fn pairs(&mut self, pairs: &[Node], depth: usize) -> Built<'py> {
        self.check_depth(depth)?;
        let dict = PyDict::new(self.py);
        for (index, pair) in pairs.iter().enumerate() {
            let (key, value) = self.pair(pair)?;
            let step = key_step(key);
            let key = self.within(of_key(index), |it| it.value(key, depth))?;
            let value = self.within(step, |it| it.value(value, depth))?;
            self.made("dict", dict.set_item(key, value).map(|()| dict.clone().into_any()))?;
        }
        Ok(dict.into_any())
    }
}

fn of_key(index: usize) -> Step {
    Step::Key(format!("keys()[{index}]"))
}

fn key_step(key: &Node) -> Step {
    match key {
        Node::Text(text) => Step::Key(text.clone()),
        Node::Signed(number) => Step::Item(number.to_string()),
        Node::Unsigned(number) => Step::Item(number.to_string()),
        _ => Step::Item("…".to_owned()),
    }
}
