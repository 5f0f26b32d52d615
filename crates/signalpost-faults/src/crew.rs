//! Workers and senders as processes, on one database, and what they have written of themselves.

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use signalpost::BoxError;
use tempfile::TempDir;

use crate::network::Host;
use crate::patience::until;
use crate::sender::SenderArguments;
use crate::worker::WorkerArguments;
use crate::{Entry, Ledger, Process, Sent};

/// How a crew's workers are.
#[derive(Debug, Clone)]
pub struct CrewOptions {
    /// Their lease.
    pub lease: Duration,
    /// How long a receiver takes.
    pub work: Duration,
    /// How many receivers each of them runs at once.
    pub concurrency: usize,
    /// How long they keep successes in the history. `None`: as by default.
    pub keep_ended: Option<Duration>,
    /// Whether runs and sends are written into a ledger.
    pub has_ledger: bool,
}

impl Default for CrewOptions {
    /// With receivers that take long enough for the killed to have something in hand.
    fn default() -> Self {
        let (lease, work) = (Duration::from_secs(30), Duration::from_millis(20));
        Self { lease, work, concurrency: 32, keep_ended: None, has_ledger: true }
    }
}

/// The files of a scenario's processes, and how they are started.
pub struct Crew {
    directory: TempDir,
    program: PathBuf,
    database: String,
    options: CrewOptions,
    started: Cell<u32>,
}

/// One process of a crew.
pub struct Runner {
    /// The process.
    pub process: Process,
    pub(crate) host: Option<Host>,
    log: PathBuf,
}

impl Crew {
    /// Nobody yet, on this database: a file, or the URL of one on PostgreSQL.
    ///
    /// # Errors
    ///
    /// When the files cannot be made.
    pub fn new(program: &Path, database: String, options: CrewOptions) -> Result<Self, BoxError> {
        let directory = tempfile::tempdir()?;
        for name in ["runs", "sends", "logs"] {
            fs::create_dir(directory.path().join(name))?;
        }
        Ok(Self { directory, program: program.to_owned(), database, options, started: Cell::new(0) })
    }

    fn start(&self, what: &str, host: Option<&Host>, give: impl FnOnce(&mut Command)) -> Result<Runner, BoxError> {
        self.started.set(self.started.get() + 1);
        let log = self.directory.path().join(format!("logs/{:04}-{what}", self.started.get()));
        let mut command = host.map_or_else(|| Command::new(&self.program), |host| host.command(&self.program));
        give(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        Ok(Runner { process: Process::start(&mut command)?, host: host.cloned(), log })
    }

    /// Starts a worker. It is not there yet: see [`Runner::workers`].
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_worker(&self, host: Option<&Host>) -> Result<Runner, BoxError> {
        let CrewOptions { lease, work, concurrency, keep_ended, .. } = &self.options;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let arguments = WorkerArguments {
            database: self.database.clone(),
            ledger: self.ledger("runs"),
            lease_ms: millis(*lease),
            work_ms: millis(*work),
            // What is done to the workers is none of the tasks' doing.
            deaths_alone: u32::MAX,
            concurrency: *concurrency,
            keep_ended_ms: keep_ended.map(millis),
        };
        self.start("worker", host, |command| arguments.give(command))
    }

    /// Starts a worker on each of the hosts, and waits until they are there.
    ///
    /// # Errors
    ///
    /// When they cannot be started.
    pub fn start_workers<'h>(
        &self,
        hosts: impl IntoIterator<Item = Option<&'h Host>>,
    ) -> Result<Vec<Runner>, BoxError> {
        let workers = hosts.into_iter().map(|host| self.start_worker(host)).collect::<Result<Vec<_>, _>>()?;
        self.until_there(&workers)?;
        Ok(workers)
    }

    fn until_there(&self, workers: &[Runner]) -> Result<(), BoxError> {
        let are_there = || Ok(workers.iter().all(|worker| !worker.workers().is_empty()));
        self.until("the workers to be there", are_there).map(drop)
    }

    /// Starts a sender: the database and the ledger are the crew's, whatever the arguments say.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_sender(&self, host: Option<&Host>, arguments: SenderArguments) -> Result<Runner, BoxError> {
        let arguments = SenderArguments { database: self.database.clone(), ledger: self.ledger("sends"), ..arguments };
        self.start("sender", host, |command| arguments.give(command))
    }

    fn ledger(&self, name: &str) -> Option<PathBuf> {
        self.options.has_ledger.then(|| self.directory.path().join(name))
    }

    /// What the process of a worker has written of its runs so far.
    ///
    /// # Errors
    ///
    /// When its file cannot be read.
    pub fn runs_of(&self, pid: u32) -> io::Result<Vec<Entry>> {
        Ledger::read(&self.directory.path().join("runs"), pid)
    }

    /// What all workers have written of their runs, in order of time.
    ///
    /// # Errors
    ///
    /// When the files cannot be read.
    pub fn runs(&self) -> io::Result<Vec<Entry>> {
        let mut runs: Vec<Entry> = Ledger::read_all(&self.directory.path().join("runs"))?;
        runs.sort_by_key(|run| run.at);
        Ok(runs)
    }

    /// What the senders have written.
    ///
    /// # Errors
    ///
    /// When the files cannot be read.
    pub fn sends(&self) -> io::Result<Vec<Sent>> {
        Ledger::read_all(&self.directory.path().join("sends"))
    }

    /// Stops the workers cleanly: what is wrong with their ends.
    ///
    /// # Errors
    ///
    /// When they cannot be stopped.
    pub fn stop_workers(&self, workers: Vec<Runner>) -> Result<Vec<String>, BoxError> {
        // One that has just been started is deaf to the signal, and dies of it.
        self.until_there(&workers)?;
        Self::end_by(workers, Process::stop)
    }

    /// Has the senders end what they have begun: what is wrong with their ends.
    ///
    /// # Errors
    ///
    /// When they cannot be stopped.
    pub fn stop_senders(senders: Vec<Runner>) -> Result<Vec<String>, BoxError> {
        Self::end_by(senders, Process::stop)
    }

    /// Waits for the ends of the processes: what is wrong with them.
    ///
    /// # Errors
    ///
    /// When they cannot be waited for.
    pub fn end(runners: Vec<Runner>) -> Result<Vec<String>, BoxError> {
        Self::end_by(runners, Process::end)
    }

    fn end_by(runners: Vec<Runner>, end: fn(Process) -> io::Result<bool>) -> Result<Vec<String>, BoxError> {
        let mut problems = Vec::new();
        for Runner { process, log, .. } in runners {
            if !end(process)? {
                let said = fs::read_to_string(&log).unwrap_or_default();
                problems.push(format!("a process did not end well: {}", said.lines().last().unwrap_or_default()));
            }
        }
        Ok(problems)
    }

    /// Looks again and again until something is so.
    ///
    /// # Errors
    ///
    /// When it is not so after two minutes, with the end of the newest logs.
    pub fn until(&self, what: &str, is_so: impl FnMut() -> Result<bool, BoxError>) -> Result<Duration, BoxError> {
        until(what, || self.logs(), is_so)
    }

    fn logs(&self) -> String {
        let Ok(files) = fs::read_dir(self.directory.path().join("logs")) else { return String::new() };
        let mut files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        files.sort();
        let end = |file: &PathBuf| {
            let said = fs::read_to_string(file).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            format!("{}:\n{}\n", file.display(), lines[lines.len().saturating_sub(5)..].join("\n"))
        };
        files[files.len().saturating_sub(6)..].iter().map(end).collect()
    }
}

impl Runner {
    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The ids that its worker has taken, the newest last. Empty: it is not there yet.
    pub fn workers(&self) -> Vec<String> {
        let log = self.log();
        let registers = |line: &&str| line.contains("worker registered") || line.contains("registered anew");
        let registered = log.lines().filter(registers);
        let id = |line: &str| Some(line.split_once(" worker=")?.1.split(' ').next()?.to_owned());
        registered.filter_map(id).collect()
    }
}
