//! What runs have happened, written by the workers themselves: a file for each process.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// One line: a run has begun, or has come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The task.
    pub task: i64,
    /// The process.
    pub pid: u32,
    /// Which claim of the task it is.
    pub attempt: u32,
    /// True at the end of the run.
    pub ended: bool,
    /// When, in microseconds since 1970.
    pub at: u64,
}

/// A file of entries. Lines are handed to the kernel at once: what a killed process had written is there.
#[derive(Debug)]
pub struct Ledger(File);

impl Ledger {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// Adds an entry of this process.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, task: i64, attempt: u32, ended: bool) -> io::Result<()> {
        let mut line = serde_json::to_string(&Entry { task, pid: std::process::id(), attempt, ended, at: now() })?;
        line.push('\n');
        (&self.0).write_all(line.as_bytes())
    }

    /// All entries of all files in a directory, in order of time. A last line that was cut off is left out.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn read_all(directory: &Path) -> io::Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        for file in std::fs::read_dir(directory)? {
            let text = std::fs::read_to_string(file?.path())?;
            entries.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
        }
        entries.sort_by_key(|entry| entry.at);
        Ok(entries)
    }
}

/// Microseconds since 1970.
pub(crate) fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)
}
