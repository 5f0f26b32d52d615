//! Values of Python as JSON.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};
use signalpost_store::PayloadLimits;

use crate::codec::Codec;
use crate::kind::{Kind, Named, Tagged};
use crate::node::TAG;
use crate::path::{Step, render};

/// The digits that Python reads without being told that more are fine.
const MOST_DIGITS: usize = 4300;
/// More bits than these need more digits than those.
const MOST_BITS: usize = 14_285;

/// Arguments that were written, and what was left out.
#[pyclass(frozen, get_all, module = "signalpost._native")]
pub(crate) struct Encoded {
    /// The JSON text.
    payload: String,
    /// The names of arguments that cannot travel, each with the reason.
    dropped: Vec<(String, String)>,
}

/// Why a value was not written.
pub(crate) enum Failure {
    Refused(Box<Refusal>),
    /// By a function of Python.
    Raised(PyErr),
}

pub(crate) struct Refusal {
    reason: String,
    /// The innermost first.
    steps: Vec<Step>,
    /// How many containers lead to what is wrong; those further in are not named.
    within: usize,
    /// Leaving something out would not do.
    for_good: bool,
}

impl Refusal {
    pub(crate) fn path(&self) -> String {
        render(self.steps.iter().rev())
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

fn refused(reason: impl Into<String>) -> Failure {
    Failure::Refused(Box::new(Refusal {
        reason: reason.into(),
        steps: Vec::new(),
        within: usize::MAX,
        for_good: false,
    }))
}

type Done = Result<(), Failure>;

/// Writes one text.
pub(crate) struct Encoder<'a, 'py> {
    codec: &'a Codec,
    limits: PayloadLimits,
    /// Tells an instance's alias, where Django has routers.
    write_alias: Option<Bound<'py, PyAny>>,
    /// Whether what cannot travel is an error.
    strict: bool,
    out: Vec<u8>,
    /// The containers around the value, by their addresses.
    around: Vec<usize>,
}

impl<'a, 'py> Encoder<'a, 'py> {
    pub(crate) fn new(codec: &'a Codec, strict: bool, write_alias: Option<Bound<'py, PyAny>>) -> Self {
        let limits = PayloadLimits::default();
        Self { codec, limits, write_alias, strict, out: Vec::with_capacity(256), around: Vec::new() }
    }

    /// One value and nothing else.
    pub(crate) fn single(mut self, value: &Bound<'py, PyAny>) -> Result<String, Failure> {
        self.value(value, 0)?;
        Ok(self.finish())
    }

    /// What a send hands over.
    pub(crate) fn call(
        mut self,
        sender: &Bound<'py, PyAny>,
        named: &Bound<'py, PyDict>,
        args: &Bound<'py, PyTuple>,
    ) -> Result<Encoded, Failure> {
        let mut dropped = Vec::new();
        self.out.extend_from_slice(br#"{"sender":"#);
        let start = self.out.len();
        if self.argument(sender, 1, Step::Key("sender".to_owned()), "sender", &mut dropped)? {
            self.out.truncate(start);
            self.out.extend_from_slice(b"null");
        }
        if !args.is_empty() {
            self.out.extend_from_slice(br#","args":"#);
            at(self.around.len(), self.items(args.iter(), 2, b"[", b"]"), || Step::Key("args".to_owned()))?;
        }
        self.out.extend_from_slice(br#","named":"#);
        at(self.around.len(), self.dict(named, 1, Some(&mut dropped)), || Step::Key("named".to_owned()))?;
        self.out.push(b'}');
        self.check_size()?;
        Ok(Encoded { payload: self.finish(), dropped })
    }

    fn finish(self) -> String {
        // All that was written was text.
        String::from_utf8(self.out).unwrap_or_default()
    }

    /// Writes one that may be left out; whether it was to be.
    fn argument(
        &mut self,
        value: &Bound<'py, PyAny>,
        depth: usize,
        step: Step,
        name: &str,
        dropped: &mut Vec<(String, String)>,
    ) -> Result<bool, Failure> {
        let around = self.around.len();
        match at(around, self.value(value, depth), || step) {
            Ok(()) => Ok(false),
            Err(Failure::Refused(mut refusal)) if !self.strict && !refusal.for_good => {
                self.around.truncate(around);
                if name != "sender" {
                    refusal.steps.push(Step::Key("named".to_owned()));
                }
                dropped.push((name.to_owned(), format!("{} {}", refusal.path(), refusal.reason)));
                Ok(true)
            }
            Err(failure) => Err(failure),
        }
    }

    /// `depth`: how many arrays and objects are open.
    fn value(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        if let Ok(text) = value.cast_exact::<PyString>() {
            self.text(text)
        } else if value.is_none() {
            self.raw(b"null")
        } else if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.raw(if truth.is_true() { b"true" } else { b"false" })
        } else if let Ok(number) = value.cast_exact::<PyInt>() {
            self.integer(number, depth)
        } else if let Ok(class) = value.cast::<PyType>() {
            self.class(class, depth)
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            self.list(list, depth)
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.dict(dict, depth, None)
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.tuple(tuple, depth)
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.float(number.value())
        } else {
            self.other(value, depth)
        }?;
        self.check_size()
    }

    fn other(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        let codec = self.codec;
        let py = value.py();
        match codec.kind(&value.get_type())? {
            Kind::Text => self.text(value.cast::<PyString>().map_err(PyErr::from)?),
            Kind::Integer => self.integer(value.cast::<PyInt>().map_err(PyErr::from)?, depth),
            Kind::Float => self.float(value.extract()?),
            Kind::Bytes => self.bytes(value.cast::<PyBytes>().map_err(PyErr::from)?, depth),
            Kind::Set => self.set(value, value.cast::<PySet>().map_err(PyErr::from)?.len(), "set", depth),
            Kind::Frozenset => {
                self.set(value, value.cast::<PyFrozenSet>().map_err(PyErr::from)?.len(), "frozenset", depth)
            }
            Kind::Datetime => self.standard("datetime", &codec.standard.datetime_text, value, depth),
            Kind::Date => self.standard("date", &codec.standard.date_text, value, depth),
            Kind::Time => self.standard("time", &codec.standard.time_text, value, depth),
            Kind::Decimal => self.standard("decimal", &codec.standard.decimal_text, value, depth),
            Kind::Timedelta => {
                self.open("timedelta", depth)?;
                for (part, end) in [("days", ","), ("seconds", ","), ("microseconds", "]}")] {
                    let number: i64 = value.getattr(part)?.extract()?;
                    self.raw(number.to_string().as_bytes())?;
                    self.raw(end.as_bytes())?;
                }
                Ok(())
            }
            Kind::Uuid => {
                let number: u128 = value.getattr(intern!(py, "int"))?.extract()?;
                self.open("uuid", depth)?;
                let mut buffer = uuid::Uuid::encode_buffer();
                self.quoted(uuid::Uuid::from_u128(number).hyphenated().encode_lower(&mut buffer))?;
                self.raw(b"]}")
            }
            Kind::Enum(class) => self.member(&class, value, depth),
            Kind::Flag(class) => self.flag(&class, value, depth),
            Kind::Instance(model) => self.instance(&model, value, depth),
            Kind::Tagged(tagged) => self.tagged(&tagged, value, depth),
            Kind::Unwrapped(function) => {
                let inner = function.bind(py).call1((value,))?;
                self.enter(value, depth, 1)?;
                self.value(&inner, depth + 1)?;
                self.leave();
                Ok(())
            }
            Kind::Refused(reason) => Err(refused(&*reason)),
        }
    }

    fn raw(&mut self, text: &[u8]) -> Done {
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn check_size(&self) -> Done {
        let limit = self.limits.max_bytes;
        if self.out.len() <= limit {
            return Ok(());
        }
        let reason = format!("makes more than {limit} bytes of JSON; store the data and send its key");
        Err(match refused(reason) {
            Failure::Refused(refusal) => Failure::Refused(Box::new(Refusal { for_good: true, ..*refusal })),
            raised @ Failure::Raised(_) => raised,
        })
    }

    fn text(&mut self, text: &Bound<'py, PyString>) -> Done {
        let Ok(text) = text.to_str() else {
            return Err(refused("holds a lone surrogate, which is no character and cannot be stored"));
        };
        self.quoted(text)
    }

    fn quoted(&mut self, text: &str) -> Done {
        if text.as_bytes().contains(&0) {
            return Err(refused("holds the character NUL, which not every database can store"));
        }
        if text.len() > self.limits.max_bytes {
            self.out.extend_from_slice(text.as_bytes());
            return self.check_size();
        }
        serde_json::to_writer(&mut self.out, text).map_err(|error| refused(format!("cannot be written: {error}")))
    }

    fn integer(&mut self, number: &Bound<'py, PyInt>, depth: usize) -> Done {
        if let Ok(number) = number.extract::<i64>() {
            return self.raw(number.to_string().as_bytes());
        }
        let too_long = || refused(format!("has more than {MOST_DIGITS} digits"));
        let bits: usize = number.call_method0(intern!(number.py(), "bit_length"))?.extract()?;
        if bits > MOST_BITS {
            return Err(too_long());
        }
        let text = self.codec.standard.integer_text.bind(number.py()).call1((number,))?;
        let text = text.cast::<PyString>().map_err(PyErr::from)?.to_str()?.to_owned();
        if text.trim_start_matches('-').len() > MOST_DIGITS {
            return Err(too_long());
        }
        self.open("int", depth)?;
        self.quoted(&text)?;
        self.raw(b"]}")
    }

    fn float(&mut self, number: f64) -> Done {
        if !number.is_finite() {
            return Err(refused("is NaN or infinite, which JSON cannot hold"));
        }
        serde_json::to_writer(&mut self.out, &number).map_err(|error| refused(format!("cannot be written: {error}")))
    }

    fn class(&mut self, class: &Bound<'py, PyType>, depth: usize) -> Done {
        let json: Arc<str> = self.codec.class(class)?.map_err(refused)?;
        self.check_depth(depth, 2)?;
        self.raw(json.as_bytes())
    }

    fn bytes(&mut self, bytes: &Bound<'py, PyBytes>, depth: usize) -> Done {
        let bytes = bytes.as_bytes();
        self.open("bytes", depth)?;
        if bytes.len() > self.limits.max_bytes {
            self.out.extend_from_slice(bytes);
            return self.check_size();
        }
        self.quoted(&BASE64_STANDARD.encode(bytes))?;
        self.raw(b"]}")
    }

    /// One of the standard library's, with the function that makes it a text.
    fn standard(&mut self, tag: &str, text: &Py<PyAny>, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        self.open(tag, depth)?;
        let text = text.bind(value.py()).call1((value,))?;
        self.text(text.cast::<PyString>().map_err(PyErr::from)?)?;
        self.raw(b"]}")
    }

    fn member(&mut self, class: &Named, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        self.check_depth(depth, 2)?;
        self.raw(class.opening.as_bytes())?;
        let name = value.getattr(intern!(value.py(), "_name_"))?;
        self.text(name.cast::<PyString>().map_err(PyErr::from)?)?;
        self.raw(b"]}")
    }

    /// Several flags in one have no name of their own in every version of Python: their value says which.
    fn flag(&mut self, class: &Named, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        self.check_depth(depth, 2)?;
        self.raw(class.opening.as_bytes())?;
        self.value(&value.getattr(intern!(value.py(), "_value_"))?, depth + 2)?;
        self.raw(b"]}")
    }

    fn instance(&mut self, model: &Named, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        let py = value.py();
        self.check_depth(depth, 2)?;
        self.raw(model.opening.as_bytes())?;
        let key = value.getattr(intern!(py, "pk"))?;
        let is_unsaved = key.is_none() || key.cast::<PyTuple>().is_ok_and(|parts| parts.iter().any(|it| it.is_none()));
        match (is_unsaved, self.strict) {
            (false, _) => at(self.around.len(), self.value(&key, depth + 2), || Step::Key("pk".to_owned()))?,
            (true, false) => self.raw(b"null")?,
            (true, true) => {
                let reason = "which has no primary key yet\n  hint: send it after it was saved";
                return Err(refused(format!("is an unsaved {}, {reason}", model.name)));
            }
        }
        self.raw(b",")?;
        let alias = match &self.write_alias {
            Some(function) => function.call1((value,))?,
            None => value.getattr(intern!(py, "_state"))?.getattr(intern!(py, "db"))?,
        };
        match alias.cast::<PyString>() {
            Ok(alias) => self.text(alias)?,
            Err(_) => self.raw(b"null")?,
        }
        self.raw(b"]}")
    }

    fn tagged(&mut self, tagged: &Tagged, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        let arguments = tagged.take_apart.bind(value.py()).call1((value,))?;
        if let Ok(reason) = arguments.cast::<PyString>() {
            return Err(refused(reason.to_str()?));
        }
        let arguments = arguments.cast::<PyTuple>().map_err(PyErr::from)?;
        self.open(&tagged.tag, depth)?;
        for (index, argument) in arguments.iter().enumerate() {
            if index > 0 {
                self.raw(b",")?;
            }
            self.value(&argument, depth + 2)?;
        }
        self.raw(b"]}")
    }

    fn list(&mut self, list: &Bound<'py, PyList>, depth: usize) -> Done {
        self.enter(list, depth, 1)?;
        self.items(list.iter(), depth + 1, b"[", b"]")?;
        self.leave();
        Ok(())
    }

    fn tuple(&mut self, tuple: &Bound<'py, PyTuple>, depth: usize) -> Done {
        self.enter(tuple, depth, 2)?;
        let opening: &[u8] = if tuple.is_empty() { br#"{"$":["tuple""# } else { br#"{"$":["tuple","# };
        self.items(tuple.iter(), depth + 2, opening, b"]}")?;
        self.leave();
        Ok(())
    }

    fn items(
        &mut self,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
        opening: &[u8],
        ending: &[u8],
    ) -> Done {
        self.raw(opening)?;
        let around = self.around.len();
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.raw(b",")?;
            }
            at(around, self.value(&item, depth), || Step::Index(index))?;
        }
        self.raw(ending)
    }

    /// In the order of what is written: equal sets make equal texts.
    fn set(&mut self, set: &Bound<'py, PyAny>, len: usize, tag: &str, depth: usize) -> Done {
        self.enter(set, depth, 2)?;
        self.raw(format!(r#"{{"$":["{tag}""#).as_bytes())?;
        let start = self.out.len();
        let mut ends = Vec::with_capacity(len);
        for item in set.try_iter()? {
            self.raw(b",")?;
            self.value(&item?, depth + 2)?;
            ends.push(self.out.len());
        }
        if ends.len() > 1 {
            let items = self.out.split_off(start);
            let starts = std::iter::once(start).chain(ends.iter().copied());
            let mut items: Vec<&[u8]> = starts.zip(&ends).map(|(from, to)| &items[from - start..to - start]).collect();
            items.sort_unstable();
            items.iter().for_each(|item| self.out.extend_from_slice(item));
        }
        self.leave();
        self.raw(b"]}")
    }

    /// With `dropped`, these are the arguments of a send.
    fn dict(
        &mut self,
        dict: &Bound<'py, PyDict>,
        depth: usize,
        mut dropped: Option<&mut Vec<(String, String)>>,
    ) -> Done {
        // All at once: what is called on the way may change the dictionary.
        let entries: Vec<_> = dict.iter().collect();
        for (key, _) in &entries {
            if !self.is_plain_key(key)? {
                return self.pairs(dict, &entries, depth);
            }
        }
        self.enter(dict, depth, 1)?;
        self.raw(b"{")?;
        let mut is_first = true;
        for (key, value) in &entries {
            let start = self.out.len();
            if !is_first {
                self.raw(b",")?;
            }
            let text = key.cast::<PyString>().map_err(PyErr::from)?;
            let around = self.around.len();
            let step = || Step::Key(text.to_string_lossy().into_owned());
            at(around, self.text(text), step)?;
            self.raw(b":")?;
            match &mut dropped {
                None => at(around, self.value(value, depth + 1), step)?,
                Some(dropped) => {
                    if self.argument(value, depth + 1, step(), &text.to_string_lossy(), dropped)? {
                        self.out.truncate(start);
                        continue;
                    }
                }
            }
            is_first = false;
        }
        self.leave();
        self.raw(b"}")
    }

    fn is_plain_key(&self, key: &Bound<'py, PyAny>) -> Result<bool, Failure> {
        if let Ok(key) = key.cast_exact::<PyString>() {
            return Ok(!key.to_str().is_ok_and(|key| key == TAG));
        }
        Ok(key.is_instance_of::<PyString>()
            && matches!(self.codec.kind(&key.get_type())?, Kind::Text)
            && !key.cast::<PyString>().is_ok_and(|key| key.to_str().is_ok_and(|key| key == TAG)))
    }

    /// A dictionary with keys of other types.
    fn pairs(
        &mut self,
        dict: &Bound<'py, PyDict>,
        entries: &[(Bound<'py, PyAny>, Bound<'py, PyAny>)],
        depth: usize,
    ) -> Done {
        self.enter(dict, depth, 4)?;
        self.raw(br#"{"$":["dict",["#)?;
        for (index, (key, value)) in entries.iter().enumerate() {
            self.raw(if index > 0 { b",[" } else { b"[" })?;
            let around = self.around.len();
            at(around, self.value(key, depth + 4), || Step::Key(format!("keys()[{index}]")))?;
            self.raw(b",")?;
            at(around, self.value(value, depth + 4), || key_step(key))?;
            self.raw(b"]")?;
        }
        self.leave();
        self.raw(b"]]}")
    }

    fn open(&mut self, tag: &str, depth: usize) -> Done {
        self.check_depth(depth, 2)?;
        self.raw(format!(r#"{{"$":["{tag}","#).as_bytes())
    }

    fn check_depth(&mut self, depth: usize, levels: usize) -> Done {
        let limit = self.limits.max_depth;
        if depth + levels <= limit {
            return Ok(());
        }
        let again = |at: usize| self.around[..at].contains(&self.around[at]);
        match (1..self.around.len()).find(|at| again(*at)) {
            Some(within) => Err(Failure::Refused(Box::new(Refusal {
                reason: "contains itself".to_owned(),
                steps: Vec::new(),
                within,
                for_good: false,
            }))),
            None => Err(refused(format!("is nested deeper than {limit} levels"))),
        }
    }

    fn enter(&mut self, container: &Bound<'py, PyAny>, depth: usize, levels: usize) -> Done {
        self.around.push(container.as_ptr() as usize);
        self.check_depth(depth, levels)
    }

    fn leave(&mut self) {
        self.around.pop();
    }
}

/// Names the place of a refusal, on its way out.
fn at(around: usize, done: Done, step: impl FnOnce() -> Step) -> Done {
    done.map_err(|failure| match failure {
        Failure::Refused(mut refusal) if around <= refusal.within => {
            refusal.steps.push(step());
            Failure::Refused(refusal)
        }
        failure => failure,
    })
}

fn key_step(key: &Bound<'_, PyAny>) -> Step {
    match key.cast_exact::<PyString>() {
        Ok(text) => Step::Key(text.to_string_lossy().into_owned()),
        Err(_) => Step::Item(key.repr().map_or_else(|_| "…".to_owned(), |text| text.to_string_lossy().into_owned())),
    }
}
