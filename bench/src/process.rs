//! The other process of a measurement: this program again, with a hidden subcommand.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use clap::Subcommand;
use signalpost::BoxError;

use crate::{postgres, sqlite};

/// What the other process does.
#[derive(Debug, Subcommand)]
pub(crate) enum Process {
    /// Works off the tasks, says how many nanoseconds that took, and stays until its input ends.
    #[command(hide = true)]
    SqliteWorker { database: PathBuf, tasks: usize },
    /// Sends now and then, and says when each commit returned.
    #[command(hide = true)]
    SqliteSender { database: PathBuf, sends: usize },
    /// Works until its input ends.
    #[command(hide = true)]
    PostgresWorker {
        url: String,
        /// It is not notified of new tasks, and asks for them.
        #[arg(long)]
        polling: bool,
    },
    /// Sends now and then to the one database, and writes the same row into the other one with a notification; says of each
    /// number when the two commits returned.
    #[command(hide = true)]
    PostgresSender { url: String, reference: String, sends: usize },
}

impl Process {
    pub(crate) fn run(self) -> Result<(), BoxError> {
        match self {
            Process::SqliteWorker { database, tasks } => sqlite::work(&database, tasks),
            Process::SqliteSender { database, sends } => sqlite::latency::send(&database, sends),
            Process::PostgresWorker { url, polling } => postgres::work(&url, polling),
            Process::PostgresSender { url, reference, sends } => postgres::latency::send(&url, &reference, sends),
        }
    }
}

/// Tells whoever has started this process.
pub(crate) fn say(line: &str) -> Result<(), BoxError> {
    println!("{line}");
    Ok(io::stdout().flush()?)
}

/// Waits until whoever has started this process wants it to end.
pub(crate) fn until_told_to_end() -> Result<(), BoxError> {
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A process that has been started. It ends with this.
pub(crate) struct OtherProcess {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl OtherProcess {
    /// Starts one, and waits until it says that it has begun.
    pub(crate) fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Result<Self, BoxError> {
        let mut process =
            Command::new(env::current_exe()?).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("the other process has no output")?;
        let mut started = Self { process, output: BufReader::new(output) };
        started.line()?;
        Ok(started)
    }

    /// What it says next.
    pub(crate) fn line(&mut self) -> Result<String, BoxError> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(format!("the other process has ended: {}", self.process.wait()?).into());
        }
        Ok(line.trim().to_owned())
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The most memory that it has had, in MiB.
    pub(crate) fn peak_memory(&self) -> Result<f64, BoxError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        let kib: f64 = peak.ok_or("the other process does not say what memory it has had")?.trim().parse()?;
        Ok(kib / 1024.0)
    }

    /// Tells it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), BoxError> {
        drop(self.process.stdin.take());
        let status = self.process.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the other process has failed: {status}").into()) }
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Has another process send, and returns by number when the commits had returned.
pub(crate) fn send_elsewhere<const TIMES: usize, A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
) -> Result<Vec<(usize, [u64; TIMES])>, BoxError> {
    let output = Command::new(env::current_exe()?).args(arguments).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the sender's process has failed: {}", output.status).into());
    }
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| {
            let (number, times) = line.split_once(' ').ok_or("the sender's process has said something else")?;
            let times = times.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
            Ok((number.parse()?, times.try_into().map_err(|_| "the sender's process has said other times")?))
        })
        .collect()
}
