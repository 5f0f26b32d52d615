//! The other process of a measurement: this program again, with a hidden subcommand.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use signalpost::{BoxError, SqliteStore};

use super::database::connect;
use super::ping::Runs;
use super::{latency, worker};

/// What the other process does.
#[derive(Debug, Subcommand)]
pub(crate) enum Process {
    /// Works off the tasks, says how many nanoseconds that took, and stays until its input ends.
    #[command(hide = true)]
    SqliteWorker { database: PathBuf, tasks: usize },
    /// Sends now and then, and says when each commit returned.
    #[command(hide = true)]
    SqliteSender { database: PathBuf, sends: usize },
}

impl Process {
    pub(crate) fn run(self) -> Result<(), BoxError> {
        match self {
            Process::SqliteWorker { database, tasks } => work(&database, tasks),
            Process::SqliteSender { database, sends } => latency::send(&database, sends),
        }
    }
}

fn work(database: &Path, tasks: usize) -> Result<(), BoxError> {
    let store = Arc::new(SqliteStore::open(database)?);
    let observer = connect(database)?;
    println!("began");
    io::stdout().flush()?;
    let took = worker::drain(store, &observer, &Runs::new(tasks), tasks, || Ok(()))?;
    println!("{}", took.as_nanos());
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A worker in a process of its own. The process ends with it.
pub(super) struct WorkerProcess {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl WorkerProcess {
    /// Starts one, and waits until it begins to work.
    pub(super) fn start(database: &Path, tasks: usize) -> Result<Self, BoxError> {
        let mut process = Command::new(env::current_exe()?)
            .arg("sqlite-worker")
            .arg(database)
            .arg(tasks.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("the worker's process has no output")?;
        let mut worker = Self { process, output: BufReader::new(output) };
        worker.line()?;
        Ok(worker)
    }

    /// Waits until it has worked off its tasks, and says how long it took.
    pub(super) fn drained(&mut self) -> Result<Duration, BoxError> {
        Ok(Duration::from_nanos(self.line()?.parse()?))
    }

    /// The most memory that it has had, in MiB.
    pub(super) fn peak_memory(&self) -> Result<f64, BoxError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        let kib: f64 = peak.ok_or("the worker's process does not say what memory it has had")?.trim().parse()?;
        Ok(kib / 1024.0)
    }

    fn line(&mut self) -> Result<String, BoxError> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(format!("the worker's process has ended: {}", self.process.wait()?).into());
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Has another process send, and returns by number when each commit had returned.
pub(super) fn send_elsewhere(database: &Path, sends: usize) -> Result<Vec<(usize, [u64; 1])>, BoxError> {
    let output = Command::new(env::current_exe()?)
        .arg("sqlite-sender")
        .arg(database)
        .arg(sends.to_string())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the sender's process has failed: {}", output.status).into());
    }
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| {
            let (number, time) = line.split_once(' ').ok_or("the sender's process has said something else")?;
            Ok((number.parse()?, [time.parse()?]))
        })
        .collect()
}
