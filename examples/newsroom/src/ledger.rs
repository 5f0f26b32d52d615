//! What receivers have done, written outside the store: it judges whether the store has lost anything.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use signalpost::running_task;

/// One line: a receiver has begun with an article, or has come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub what: What,
    pub receiver: String,
    pub slug: String,
    pub task: i64,
    pub attempt: u32,
    pub deaths: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    Started,
    Done,
}

#[derive(Debug)]
pub struct Ledger(File);

impl Ledger {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    pub fn started(&self, receiver: &str, slug: &str) -> io::Result<()> {
        self.write(What::Started, receiver, slug)
    }

    pub fn done(&self, receiver: &str, slug: &str) -> io::Result<()> {
        self.write(What::Done, receiver, slug)
    }

    fn write(&self, what: What, receiver: &str, slug: &str) -> io::Result<()> {
        let task = running_task();
        let (task, attempt, deaths) = task.map_or((0, 1, 0), |task| (task.id.0, task.attempt, task.deaths));
        let line = Line { what, receiver: receiver.to_owned(), slug: slug.to_owned(), task, attempt, deaths };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        // One write: appended whole, also beside those of other threads.
        (&self.0).write_all(text.as_bytes())?;
        self.0.sync_data()
    }

    /// All lines. A last one that was cut off by a crash is left out.
    pub fn read(path: &Path) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        for line in BufReader::new(File::open(path)?).lines() {
            lines.extend(serde_json::from_str(&line?).ok());
        }
        Ok(lines)
    }
}
