//! Values of Python as JSON.

mod containers;
mod objects;
mod scalars;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use signalpost_store::PayloadLimits;

use crate::codec::Codec;
use crate::kind::Kind;
use crate::path::Step;
use crate::refusal::{Done, Failure};

/// The names of arguments that were left out, each with the reason.
pub(crate) type Dropped = Vec<(String, String)>;

/// Notes a refusal.
fn note(dropped: &mut Dropped, name: impl Into<String>, done: Done, within: Option<&str>) {
    if let Err(Failure::Refused(mut refusal)) = done {
        if let Some(within) = within {
            refusal.step_out(Step::Key(within.to_owned()));
        }
        dropped.push((name.into(), format!("{} {}", refusal.path(), refusal.reason)));
    }
}

/// Writes one text.
pub(crate) struct Encoder<'a, 'py> {
    codec: &'a Codec,
    limits: PayloadLimits,
    /// The named arguments of a send, which may say what database it is about.
    sent: Option<&'a Bound<'py, PyDict>>,
    /// Whether what cannot travel is an error.
    strict: bool,
    out: Vec<u8>,
    /// The containers around the value, by their addresses.
    around: Vec<usize>,
}

impl<'a, 'py> Encoder<'a, 'py> {
    pub(crate) fn new(codec: &'a Codec, strict: bool) -> Self {
        let limits = PayloadLimits::default();
        Self { codec, limits, sent: None, strict, out: Vec::with_capacity(256), around: Vec::new() }
    }

    /// One value and nothing else.
    pub(crate) fn single(mut self, value: &Bound<'py, PyAny>) -> Result<String, Failure> {
        self.value(value, 0)?;
        self.finish()
    }

    /// What a send hands over, and what of it is left out.
    pub(crate) fn send(
        mut self,
        sender: &Bound<'py, PyAny>,
        named: &'a Bound<'py, PyDict>,
        args: Option<&Bound<'py, PyTuple>>,
    ) -> Result<(String, Dropped), Failure> {
        self.sent = Some(named);
        let mut dropped = Dropped::new();
        let step = |name: &str| Step::Key(name.to_owned());
        self.raw(br#"{"sender":"#);
        let start = self.out.len();
        let done = self.value(sender, 1).map_err(|failure| failure.at(0, step("sender")));
        if self.is_dropped(&done) {
            note(&mut dropped, "sender", done, None);
            self.out.truncate(start);
            self.around.clear();
            self.raw(b"null");
        } else {
            done?;
        }
        if let Some(args) = args.filter(|args| !args.is_empty()) {
            self.raw(br#","args":"#);
            self.items(args.iter(), 2, b"[", b"]").map_err(|failure| failure.at(0, step("args")))?;
        }
        self.raw(br#","named":"#);
        self.named(named, 1, &mut dropped).map_err(|failure| failure.at(0, step("named")))?;
        self.raw(b"}");
        self.check_size()?;
        Ok((self.finish()?, dropped))
    }

    fn finish(self) -> Result<String, Failure> {
        String::from_utf8(self.out).map_err(|error| PyRuntimeError::new_err(error.to_string()).into())
    }

    /// Whether an argument is to be left out: it was refused, and may be missing.
    fn is_dropped(&self, done: &Done) -> bool {
        !self.strict && matches!(done, Err(Failure::Refused(refusal)) if refusal.is_of_one_argument)
    }

    /// `depth`: how many arrays and objects are open.
    fn value(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        if let Ok(text) = value.cast_exact::<PyString>() {
            self.text(text)
        } else if value.is_none() {
            self.raw(b"null");
            Ok(())
        } else if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.raw(if truth.is_true() { b"true" } else { b"false" });
            Ok(())
        } else if let Ok(number) = value.cast_exact::<PyInt>() {
            self.integer(number, depth)
        } else if let Ok(class) = value.cast::<PyType>() {
            self.class(class, depth)
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            self.list(list, depth)
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.dict(dict, depth)
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.tuple(tuple, depth)
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.float(number.value())
        } else {
            self.by_kind(value, depth)
        }?;
        self.check_size()
    }

    fn by_kind(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        let standard = &self.codec.standard;
        match self.codec.kind(&value.get_type())? {
            Kind::Text => self.text(value.cast()?),
            Kind::Integer => self.integer(value.cast()?, depth),
            Kind::Float => self.float(value.extract()?),
            Kind::Bytes => self.bytes(value.cast()?, depth),
            Kind::Set => self.set(value, "set", depth),
            Kind::Frozenset => self.set(value, "frozenset", depth),
            Kind::Datetime => self.moment("datetime", &standard.datetime_text, value, depth),
            Kind::Date => self.standard("date", &standard.date_text, value, depth),
            Kind::Time => self.moment("time", &standard.time_text, value, depth),
            Kind::Decimal => self.standard("decimal", &standard.decimal_text, value, depth),
            Kind::Timedelta => self.timedelta(value, depth),
            Kind::Uuid => self.uuid(value, depth),
            Kind::Enum(class) => self.member(&class, value, depth),
            Kind::Flag(class) => self.flag(&class, value, depth),
            Kind::Instance(model) => self.instance(&model, value, depth),
            Kind::Tagged(tagged) => self.tagged(&tagged, value, depth),
            Kind::Unwrapped(function) => self.unwrapped(function.bind(value.py()), value, depth),
            Kind::Refused(reason) => Err(Failure::refused(&*reason)),
        }
    }

    fn raw(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    /// Begins a tag that has arguments.
    fn open(&mut self, tag: &str, depth: usize) -> Done {
        self.check_depth(depth, 2)?;
        self.raw(br#"{"$":[""#);
        self.raw(tag.as_bytes());
        self.raw(br#"","#);
        Ok(())
    }

    fn check_size(&self) -> Done {
        let limit = self.limits.max_bytes;
        if self.out.len() <= limit { Ok(()) } else { Err(Failure::too_large(limit)) }
    }

    fn check_depth(&self, depth: usize, levels: usize) -> Done {
        if depth + levels <= self.limits.max_depth { Ok(()) } else { Err(self.too_deep()) }
    }

    fn too_deep(&self) -> Failure {
        let comes_again = |at: &usize| self.around[..*at].contains(&self.around[*at]);
        match (1..self.around.len()).find(comes_again) {
            Some(within) => Failure::circle(within),
            None => Failure::refused(format!("is nested deeper than {} levels", self.limits.max_depth)),
        }
    }

    /// Goes into a container that is written with so many arrays and objects around its items.
    fn enter(&mut self, container: &Bound<'py, PyAny>, depth: usize, levels: usize) -> Done {
        self.around.push(container.as_ptr() as usize);
        self.check_depth(depth, levels)
    }

    fn leave(&mut self) {
        self.around.pop();
    }
}
