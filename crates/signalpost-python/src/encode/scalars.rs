//! What holds nothing else: texts, numbers, times.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString};
use uuid::Uuid;

use super::Encoder;
use crate::decode::MOST_DIGITS;
use crate::refusal::{Done, Failure};

/// More bits need more digits than `MOST_DIGITS`. To count those takes long.
const MOST_BITS: usize = 14_285;

impl<'py> Encoder<'_, 'py> {
    pub(super) fn text(&mut self, text: &Bound<'py, PyString>) -> Done {
        match text.to_str() {
            Ok(text) => self.quoted(text),
            Err(_) => Err(Failure::refused("holds a lone surrogate, which is no character and cannot be stored")),
        }
    }

    pub(super) fn quoted(&mut self, text: &str) -> Done {
        if text.len() > self.limits.max_bytes {
            return Err(Failure::too_large(self.limits.max_bytes));
        }
        if text.as_bytes().contains(&0) {
            return Err(Failure::refused("holds the character NUL, which not every database can store"));
        }
        serde_json::to_writer(&mut self.out, text)
            .map_err(|error| Failure::refused(format!("cannot be written: {error}")))
    }

    pub(super) fn integer(&mut self, number: &Bound<'py, PyInt>, depth: usize) -> Done {
        if let Ok(number) = number.extract::<i64>() {
            self.decimal_digits(number);
            return Ok(());
        }
        let too_long = || Failure::refused(format!("is an integer of more digits than can be read, {MOST_DIGITS}"));
        let bits: usize = number.call_method0(intern!(number.py(), "bit_length"))?.extract()?;
        if bits > MOST_BITS {
            return Err(too_long());
        }
        // Python has a limit of its own, and it may be another one.
        let Ok(text) = self.codec.standard.integer_text.bind(number.py()).call1((number,)) else {
            return Err(too_long());
        };
        let text = text.cast::<PyString>()?.to_str()?;
        if text.trim_start_matches('-').len() > MOST_DIGITS {
            return Err(too_long());
        }
        self.open("int", depth)?;
        self.quoted(text)?;
        self.raw(b"]}");
        Ok(())
    }

    fn decimal_digits(&mut self, number: i64) {
        self.raw(number.to_string().as_bytes());
    }

    pub(super) fn float(&mut self, number: f64) -> Done {
        if !number.is_finite() {
            return Err(Failure::refused("is NaN or infinite, which JSON cannot hold"));
        }
        serde_json::to_writer(&mut self.out, &number)
            .map_err(|error| Failure::refused(format!("cannot be written: {error}")))
    }

    pub(super) fn bytes(&mut self, bytes: &Bound<'py, PyBytes>, depth: usize) -> Done {
        let bytes = bytes.as_bytes();
        if bytes.len() > self.limits.max_bytes {
            return Err(Failure::too_large(self.limits.max_bytes));
        }
        self.open("bytes", depth)?;
        self.quoted(&BASE64_STANDARD.encode(bytes))?;
        self.raw(b"]}");
        Ok(())
    }

    /// One of the standard library's, with the function that makes it a text.
    pub(super) fn standard(&mut self, tag: &str, text: &Py<PyAny>, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        let text = text.bind(value.py()).call1((value,))?;
        self.open(tag, depth)?;
        self.text(text.cast()?)?;
        self.raw(b"]}");
        Ok(())
    }

    /// As `standard`; and whether it is the second of two moments that the clock shows alike, which the text does not say.
    pub(super) fn moment(&mut self, tag: &str, text: &Py<PyAny>, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        self.standard(tag, text, value, depth)?;
        if value.getattr(intern!(value.py(), "fold"))?.is_truthy()? {
            self.out.truncate(self.out.len() - b"]}".len());
            self.raw(b",1]}");
        }
        Ok(())
    }

    pub(super) fn timedelta(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        let py = value.py();
        self.open("timedelta", depth)?;
        self.decimal_digits(value.getattr(intern!(py, "days"))?.extract()?);
        self.raw(b",");
        self.decimal_digits(value.getattr(intern!(py, "seconds"))?.extract()?);
        self.raw(b",");
        self.decimal_digits(value.getattr(intern!(py, "microseconds"))?.extract()?);
        self.raw(b"]}");
        Ok(())
    }

    pub(super) fn uuid(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        let number: u128 = value.getattr(intern!(value.py(), "int"))?.extract()?;
        self.open("uuid", depth)?;
        self.quoted(Uuid::from_u128(number).hyphenated().encode_lower(&mut Uuid::encode_buffer()))?;
        self.raw(b"]}");
        Ok(())
    }
}
