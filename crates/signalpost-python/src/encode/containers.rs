//! What holds other values.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::{Dropped, Encoder, note};
use crate::kind::Kind;
use crate::node::TAG;
use crate::path::Step;
use crate::refusal::{Done, Failure};

type Entry<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

impl<'py> Encoder<'_, 'py> {
    pub(super) fn list(&mut self, list: &Bound<'py, PyList>, depth: usize) -> Done {
        self.enter(list, depth, 1)?;
        self.items(list.iter(), depth + 1, b"[", b"]")?;
        self.leave();
        Ok(())
    }

    pub(super) fn tuple(&mut self, tuple: &Bound<'py, PyTuple>, depth: usize) -> Done {
        self.enter(tuple, depth, 2)?;
        let opening: &[u8] = if tuple.is_empty() { br#"{"$":["tuple""# } else { br#"{"$":["tuple","# };
        self.items(tuple.iter(), depth + 2, opening, b"]}")?;
        self.leave();
        Ok(())
    }

    pub(super) fn items(
        &mut self,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
        opening: &[u8],
        ending: &[u8],
    ) -> Done {
        self.raw(opening);
        let around = self.around.len();
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.raw(b",");
            }
            self.value(&item, depth).map_err(|failure| failure.at(around, Step::Index(index)))?;
        }
        self.raw(ending);
        Ok(())
    }

    /// In the order of what is written: equal sets make equal texts.
    pub(super) fn set(&mut self, set: &Bound<'py, PyAny>, tag: &str, depth: usize) -> Done {
        self.enter(set, depth, 2)?;
        self.raw(br#"{"$":[""#);
        self.raw(tag.as_bytes());
        self.raw(b"\"");
        let start = self.out.len();
        let mut ends = Vec::new();
        for item in set.try_iter()? {
            self.raw(b",");
            self.value(&item?, depth + 2)?;
            ends.push(self.out.len() - start);
        }
        if ends.len() > 1 {
            let items = self.out.split_off(start);
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let mut items: Vec<&[u8]> = starts.zip(&ends).map(|(from, to)| &items[from..*to]).collect();
            items.sort_unstable();
            items.into_iter().for_each(|item| self.raw(item));
        }
        self.leave();
        self.raw(b"]}");
        Ok(())
    }

    pub(super) fn dict(&mut self, dict: &Bound<'py, PyDict>, depth: usize) -> Done {
        let entries = entries_of(dict);
        match self.are_plain(&entries)? {
            true => self.object(dict, &entries, depth, None),
            false => self.pairs(dict, &entries, depth),
        }
    }

    /// The named arguments of a send; those that are left out are put into `dropped`.
    pub(super) fn named(&mut self, named: &Bound<'py, PyDict>, depth: usize, dropped: &mut Dropped) -> Done {
        let entries = entries_of(named);
        match self.are_plain(&entries)? {
            true => self.object(named, &entries, depth, Some(dropped)),
            false => self.pairs(named, &entries, depth),
        }
    }

    fn object(
        &mut self,
        dict: &Bound<'py, PyDict>,
        entries: &[Entry<'py>],
        depth: usize,
        mut dropped: Option<&mut Dropped>,
    ) -> Done {
        self.enter(dict, depth, 1)?;
        self.raw(b"{");
        let around = self.around.len();
        let mut is_first = true;
        for (key, value) in entries {
            let start = self.out.len();
            if !is_first {
                self.raw(b",");
            }
            let done = self.entry(key, value, depth + 1).map_err(|failure| failure.at(around, key_step(key)));
            if let Some(dropped) = &mut dropped
                && self.is_dropped(&done)
            {
                self.out.truncate(start);
                self.around.truncate(around);
                note(dropped, key.to_string(), done, Some("named"));
                continue;
            }
            done?;
            is_first = false;
        }
        self.raw(b"}");
        self.leave();
        Ok(())
    }

    fn entry(&mut self, key: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        self.text(key.cast()?)?;
        self.raw(b":");
        self.value(value, depth)
    }

    /// Whether these are the entries of an object: each key is a text, and none makes it a tag.
    fn are_plain(&self, entries: &[Entry<'py>]) -> Result<bool, Failure> {
        for (key, _) in entries {
            let Ok(text) = key.cast::<PyString>() else { return Ok(false) };
            let is_text =
                text.is_exact_instance_of::<PyString>() || matches!(self.codec.kind(&key.get_type())?, Kind::Text);
            if !is_text || text.to_str().is_ok_and(|text| text == TAG) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A dictionary with other keys.
    fn pairs(&mut self, dict: &Bound<'py, PyDict>, entries: &[Entry<'py>], depth: usize) -> Done {
        self.enter(dict, depth, 4)?;
        self.raw(br#"{"$":["dict",["#);
        let around = self.around.len();
        for (index, (key, value)) in entries.iter().enumerate() {
            self.raw(if index > 0 { b",[" } else { b"[" });
            let of_key = || Step::Key(format!("keys()[{index}]"));
            self.value(key, depth + 4).map_err(|failure| failure.at(around, of_key()))?;
            self.raw(b",");
            self.value(value, depth + 4).map_err(|failure| failure.at(around, key_step(key)))?;
            self.raw(b"]");
        }
        self.leave();
        self.raw(b"]]}");
        Ok(())
    }
}

/// All at once: what is called on the way may change the dictionary.
fn entries_of<'py>(dict: &Bound<'py, PyDict>) -> Vec<Entry<'py>> {
    dict.iter().collect()
}

fn key_step(key: &Bound<'_, PyAny>) -> Step {
    match key.cast_exact::<PyString>() {
        Ok(text) => Step::Key(text.to_string_lossy().into_owned()),
        Err(_) => Step::Item(key.repr().map_or_else(|_| "…".to_owned(), |text| text.to_string_lossy().into_owned())),
    }
}
