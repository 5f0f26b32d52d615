//! Payloads: JSON within limits, refused at the send with the path of what is wrong.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use crate::non_finite::first_lost_number;

/// How large and how deep a payload may be.
///
/// Receivers get what senders wrote: the limits hold on both sides, so raise them in workers before senders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadLimits {
    /// Bytes of JSON text. Default: 1 MiB. What is larger belongs into a table or a file, and its key into the
    /// payload: every row of a send holds the text, and a worker reads up to a thousand rows at a time.
    pub max_bytes: usize,
    /// Levels of arrays and objects. Default: 64.
    pub max_depth: usize,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, max_depth: 64 }
    }
}

/// Why a payload was refused, or could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadError {
    problem: Problem,
    path: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    TooLarge(usize),
    TooDeep(usize),
    Nul,
    NotFinite,
    Unwritable(String),
    Unreadable(String),
}

impl PayloadError {
    /// The JSON has more bytes than allowed.
    pub fn is_too_large(&self) -> bool {
        matches!(self.problem, Problem::TooLarge(_))
    }

    /// The value is nested deeper than allowed.
    pub fn is_too_deep(&self) -> bool {
        matches!(self.problem, Problem::TooDeep(_))
    }

    /// A text or a key holds the character NUL.
    pub fn is_nul(&self) -> bool {
        self.problem == Problem::Nul
    }

    /// A number is NaN or infinite.
    pub fn is_not_finite(&self) -> bool {
        self.problem == Problem::NotFinite
    }

    /// Where in the payload, as `$.lines[3].note`, if the place is known.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the payload ")?;
        if let Some(path) = &self.path {
            write!(f, "at {path} ")?;
        }
        match &self.problem {
            Problem::TooLarge(limit) => {
                write!(f, "makes more than {limit} bytes of JSON; store the data and send its key")
            }
            Problem::TooDeep(limit) => write!(f, "is nested deeper than {limit} levels"),
            Problem::Nul => f.write_str("holds the character NUL, which not every database can store"),
            Problem::NotFinite => f.write_str("is NaN or infinite, which JSON cannot hold"),
            Problem::Unwritable(why) => write!(f, "cannot be written as JSON: {why}"),
            Problem::Unreadable(why) => write!(f, "cannot be read: {why}"),
        }
    }
}

impl std::error::Error for PayloadError {}

/// Writes a payload as JSON.
///
/// ```
/// use signalpost_store::{PayloadLimits, encode_payload};
/// use std::collections::BTreeMap;
///
/// let payload = BTreeMap::from([("notes", vec!["fine", "with \0 inside"])]);
/// let error = encode_payload(&payload, PayloadLimits::default()).unwrap_err();
/// assert_eq!(error.path(), Some("$.notes[1]"));
/// ```
///
/// # Errors
///
/// When the value is too large, too deep, holds a NUL or a number that is NaN or infinite, or cannot be written by
/// `serde` (a map whose keys are not text, say).
pub fn encode_payload<P: Serialize + ?Sized>(payload: &P, limits: PayloadLimits) -> Result<String, PayloadError> {
    let nulls = Cell::new(0);
    let lost_number = match write(payload, limits, None, &nulls, None) {
        Ok(json) if nulls.get() == 0 => return Ok(json),
        // Only in a value with nulls can there be a number that was written as one.
        Ok(json) => match first_lost_number(payload) {
            None => return Ok(json),
            lost => lost,
        },
        Err(_) => None,
    };
    // The path costs a string per key: it is kept only on a second walk, which fails as the first one did.
    let path = RefCell::new(Vec::new());
    write(payload, limits, Some(&path), &Cell::new(0), lost_number).map_err(|mut error| {
        error.path = (error.problem != Problem::TooLarge(limits.max_bytes)).then(|| render(&path.borrow()));
        error
    })
}

/// Reads a payload.
///
/// # Errors
///
/// When the text is larger or deeper than the limits, is not JSON, or is not a `P`; with the path.
pub fn decode_payload<P: DeserializeOwned>(json: &[u8], limits: PayloadLimits) -> Result<P, PayloadError> {
    if json.len() > limits.max_bytes {
        return Err(PayloadError { problem: Problem::TooLarge(limits.max_bytes), path: None });
    }
    serde_json::from_slice(json).or_else(|_| {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| (Some(error.path().to_string()), error.into_inner().to_string()))
            .and_then(|payload| deserializer.end().map(|()| payload).map_err(|error| (None, error.to_string())))
            .map_err(|(path, why)| PayloadError {
                problem: Problem::Unreadable(why),
                path: path.map(|path| match path.as_str() {
                    "." => "$".to_owned(),
                    path if path.starts_with('[') => format!("${path}"),
                    path => format!("$.{path}"),
                }),
            })
    })
}

fn write<P: Serialize + ?Sized>(
    payload: &P,
    limits: PayloadLimits,
    path: Option<&RefCell<Vec<Step>>>,
    nulls: &Cell<usize>,
    lost_number: Option<usize>,
) -> Result<String, PayloadError> {
    let broken = RefCell::new(None);
    let mut buffer = Buffer { bytes: Vec::with_capacity(128), limits, broken: &broken };
    let guard = Guard { depth: 0, limits, path, in_key: false, nulls, lost_number, broken: &broken };
    let outcome = payload.serialize(&mut Serializer::with_formatter(&mut buffer, guard));
    let bytes = buffer.bytes;
    outcome
        .map_err(|error| error.to_string())
        .and_then(|()| String::from_utf8(bytes).map_err(|error| error.to_string()))
        .map_err(|why| {
            let problem = broken.take().unwrap_or(Problem::Unwritable(why));
            PayloadError { problem, path: None }
        })
}

/// Takes bytes up to the limit.
struct Buffer<'a> {
    bytes: Vec<u8>,
    limits: PayloadLimits,
    broken: &'a RefCell<Option<Problem>>,
}

impl io::Write for Buffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limits.max_bytes {
            return Err(refuse(self.broken, Problem::TooLarge(self.limits.max_bytes)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn refuse(broken: &RefCell<Option<Problem>>, problem: Problem) -> io::Error {
    *broken.borrow_mut() = Some(problem);
    io::ErrorKind::InvalidData.into()
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

fn render(path: &[Step]) -> String {
    path.iter().fold("$".to_owned(), |text, step| match step {
        Step::Key(key) => format!("{text}.{}", key.escape_debug()),
        Step::Index(index) => format!("{text}[{index}]"),
    })
}

/// Watches the writing: how deep it is, how many nulls go by, and that no NUL does.
struct Guard<'a> {
    depth: usize,
    limits: PayloadLimits,
    path: Option<&'a RefCell<Vec<Step>>>,
    in_key: bool,
    nulls: &'a Cell<usize>,
    /// Which of the nulls is a number that JSON cannot hold.
    lost_number: Option<usize>,
    broken: &'a RefCell<Option<Problem>>,
}

impl Guard<'_> {
    fn enter(&mut self) -> io::Result<()> {
        self.depth += 1;
        if self.depth > self.limits.max_depth {
            return Err(refuse(self.broken, Problem::TooDeep(self.limits.max_depth)));
        }
        Ok(())
    }

    fn push(&self, step: Step) {
        if let Some(path) = self.path {
            path.borrow_mut().push(step);
        }
    }

    fn pop(&self) -> Option<Step> {
        self.path.and_then(|path| path.borrow_mut().pop())
    }
}

impl Formatter for Guard<'_> {
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let number = self.nulls.replace(self.nulls.get() + 1);
        if self.lost_number == Some(number) {
            return Err(refuse(self.broken, Problem::NotFinite));
        }
        writer.write_all(b"null")
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter()?;
        self.push(Step::Index(0));
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        self.pop();
        writer.write_all(b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first {
            return Ok(());
        }
        if let Some(Step::Index(index)) = self.pop() {
            self.push(Step::Index(index + 1));
        }
        writer.write_all(b",")
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter()?;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.in_key = true;
        self.push(Step::Key(String::new()));
        if first { Ok(()) } else { writer.write_all(b",") }
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.in_key = false;
        Ok(())
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.pop();
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if let (true, Some(path)) = (self.in_key, self.path)
            && let Some(Step::Key(key)) = path.borrow_mut().last_mut()
        {
            key.push_str(fragment);
        }
        writer.write_all(fragment.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        if matches!(escape, CharEscape::AsciiControl(0)) {
            return Err(refuse(self.broken, Problem::Nul));
        }
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}
