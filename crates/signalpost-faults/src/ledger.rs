//! What has happened, written by the processes themselves and outside of the store: a file for each process.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A worker's line: a run has begun, or has come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The task.
    pub task: i64,
    /// What was sent.
    pub number: u32,
    /// The process.
    pub pid: u32,
    /// Which claim of the task it is.
    pub attempt: u32,
    /// True at the end of the run.
    pub ended: bool,
    /// When, in microseconds since 1970.
    pub at: u64,
}

/// A sender's line: a send has returned, and may not get lost from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// What was sent.
    pub number: u32,
    /// When, in microseconds since 1970.
    pub at: u64,
}

/// A file of lines, which are handed to the kernel at once: what a killed process had written is there.
#[derive(Debug)]
pub struct Ledger(File);

impl Ledger {
    /// Opens this process's file in a directory, or makes it.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let path = file(directory, std::process::id());
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// All lines of a process's file in a directory. None: it has not opened it yet.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn read<Line: DeserializeOwned>(directory: &Path, pid: u32) -> io::Result<Vec<Line>> {
        match std::fs::read_to_string(file(directory, pid)) {
            Ok(text) => Ok(parsed(&text).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, line: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_string(line)?;
        line.push('\n');
        (&self.0).write_all(line.as_bytes())
    }

    /// All lines of all files in a directory. A last line that was cut off is left out.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn read_all<Line: DeserializeOwned>(directory: &Path) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        for file in std::fs::read_dir(directory)? {
            let text = std::fs::read_to_string(file?.path())?;
            lines.extend(parsed(&text));
        }
        Ok(lines)
    }
}

fn file(directory: &Path, pid: u32) -> PathBuf {
    directory.join(format!("{pid}.jsonl"))
}

fn parsed<Line: DeserializeOwned>(text: &str) -> impl Iterator<Item = Line> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok())
}

/// Microseconds since 1970.
pub(crate) fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)
}
