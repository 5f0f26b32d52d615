//! A database, its workers as processes, and what can be seen of both from outside.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use signalpost::{BoxError, SqliteStore, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::judge::Ended;
use crate::patience::until;
use crate::worker::{ADD, WORK, Work, WorkerArguments};
use crate::{Entry, Ledger, Process};

/// A scenario's database and processes. What is left of them ends with it.
pub struct Site {
    directory: TempDir,
    database: PathBuf,
    program: PathBuf,
    lease: Duration,
    work: Duration,
    deaths_alone: u32,
    runtime: Runtime,
    store: std::sync::Arc<dyn Store>,
    connection: Connection,
}

/// One worker's process.
pub struct Member {
    /// The process.
    pub process: Process,
    /// Its id in the store.
    pub worker: String,
}

impl Site {
    /// A new database, whose workers have this lease and whose tasks take this long.
    ///
    /// # Errors
    ///
    /// When the files cannot be made.
    pub fn new(program: &Path, lease: Duration, work: Duration) -> Result<Self, BoxError> {
        let directory = tempfile::tempdir()?;
        let database = directory.path().join("store.db");
        Self::with(program, directory, database, lease, work)
    }

    /// As [`Site::new`], with the database in a directory of the caller's; the ledger stays elsewhere.
    ///
    /// # Errors
    ///
    /// When the files cannot be made.
    pub fn with_database_in(folder: &Path, program: &Path, lease: Duration, work: Duration) -> Result<Self, BoxError> {
        Self::with(program, tempfile::tempdir()?, folder.join("store.db"), lease, work)
    }

    fn with(
        program: &Path,
        directory: TempDir,
        database: PathBuf,
        lease: Duration,
        work: Duration,
    ) -> Result<Self, BoxError> {
        fs::create_dir(directory.path().join("ledger"))?;
        let store = std::sync::Arc::new(SqliteStore::open(&database)?);
        let connection = Connection::open(&database)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        let runtime = Runtime::new()?;
        let (program, deaths_alone) = (program.to_owned(), 3);
        Ok(Self { program, lease, work, deaths_alone, runtime, store, connection, directory, database })
    }

    /// With workers that let a task die alone this often. Default: 3.
    #[must_use]
    pub fn with_deaths_alone(self, deaths_alone: u32) -> Self {
        Self { deaths_alone, ..self }
    }

    /// The database file.
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// Starts a worker, and waits until the store knows it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&self) -> Result<Member, BoxError> {
        let before = self.workers()?;
        let log = File::options().create(true).append(true).open(self.directory.path().join("log"))?;
        let arguments = WorkerArguments {
            database: self.database.display().to_string(),
            ledger: Some(self.directory.path().join("ledger")),
            lease_ms: self.lease.as_millis() as u64,
            work_ms: self.work.as_millis() as u64,
            deaths_alone: self.deaths_alone,
            concurrency: 16,
            keep_ended_ms: None,
        };
        let mut command = Command::new(&self.program);
        arguments.give(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = Process::start(&mut command)?;
        let mut member = Member { process, worker: String::new() };
        self.until("a new worker", || {
            let known = self.workers()?;
            member.worker = known.difference(&before).next().cloned().unwrap_or_default();
            Ok(!member.worker.is_empty())
        })?;
        Ok(member)
    }

    /// Sends this many tasks, and returns their numbers: from here on they may not get lost.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn send(&self, count: u32) -> Result<Vec<i64>, BoxError> {
        let newest = self.newest()?;
        for number in 0..count {
            self.send_one(number)?;
        }
        let mut ids = self.connection.prepare(
            "SELECT id FROM signalpost_task WHERE id > ?1 UNION SELECT id FROM signalpost_history WHERE id > ?1",
        )?;
        let ids: Vec<i64> = ids.query_map([newest], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        if ids.len() != count as usize {
            return Err(format!("{count} tasks were sent and {} are there", ids.len()).into());
        }
        Ok(ids)
    }

    /// Sends one task.
    ///
    /// # Errors
    ///
    /// What the send says; the store's own error is its source.
    pub fn send_one(&self, number: u32) -> Result<(), signalpost::SendError> {
        let work = Work::of(number);
        let send = WORK.asend("faults", &work);
        self.runtime.block_on(signalpost::with_store(self.store.clone(), send)).map(drop)
    }

    /// Makes the counter, at 0, and sends this many tasks that add 1 to it.
    ///
    /// # Errors
    ///
    /// What the database or the send says.
    pub fn send_additions(&self, count: u32) -> Result<(), BoxError> {
        self.connection
            .execute_batch("CREATE TABLE counter (value INTEGER NOT NULL); INSERT INTO counter VALUES (0)")?;
        let additions: Vec<Work> = (0..count).map(Work::of).collect();
        for some in additions.chunks(1000) {
            self.runtime.block_on(signalpost::with_store(self.store.clone(), ADD.asend_many("faults", some)))?;
        }
        Ok(())
    }

    /// What the counter says.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn counter(&self) -> Result<u64, BoxError> {
        Ok(self.connection.query_row("SELECT value FROM counter", [], |row| row.get::<_, i64>(0))?.unsigned_abs())
    }

    fn newest(&self) -> Result<i64, BoxError> {
        let sequence = "SELECT seq FROM sqlite_sequence WHERE name = 'signalpost_task'";
        Ok(self.connection.query_row(sequence, [], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Stops the process with SIGSTOP, but not in the middle of a write: a process that is stopped while it has
    /// SQLite's write lock keeps everybody from writing until it goes on, and no protocol above it can help.
    ///
    /// # Errors
    ///
    /// When it cannot be stopped.
    pub fn freeze_outside_a_write(&self, member: &Member) -> Result<(), BoxError> {
        let probe = Connection::open(&self.database)?;
        probe.busy_timeout(Duration::from_millis(200))?;
        self.until("a stop outside a write", || {
            member.process.freeze()?;
            let is_free = probe.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok();
            if !is_free {
                member.process.thaw()?;
            }
            Ok(is_free)
        })?;
        Ok(())
    }

    /// The ids of the workers that have a lease row.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn workers(&self) -> Result<HashSet<String>, BoxError> {
        let mut ids = self.connection.prepare_cached("SELECT id FROM signalpost_worker")?;
        Ok(ids.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    }

    /// The tasks that this worker holds.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn held_by(&self, worker: &str) -> Result<Vec<i64>, BoxError> {
        let mut ids = self.connection.prepare_cached("SELECT id FROM signalpost_task WHERE worker = ?1")?;
        Ok(ids.query_map([worker], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether one of these tasks is in another worker's hands, or through them already.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn is_taken_up(&self, tasks: &[i64], from: &str) -> Result<bool, BoxError> {
        let mut taken = self.connection.prepare_cached(
            "SELECT 1 FROM signalpost_task WHERE id = ?1 AND worker IS NOT NULL AND worker <> ?2 \
             UNION ALL SELECT 1 FROM signalpost_history WHERE id = ?1 AND worker <> ?2",
        )?;
        for task in tasks {
            if taken.exists(rusqlite::params![task, from])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many tasks are in the history.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn finished(&self) -> Result<usize, BoxError> {
        let mut count = self.connection.prepare_cached("SELECT count(*) FROM signalpost_history")?;
        Ok(count.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs() as usize)
    }

    /// The history.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn history(&self) -> Result<Vec<Ended>, BoxError> {
        let mut rows = self.connection.prepare_cached(
            "SELECT id, state, attempt, deaths, fence, worker, result, finished_at FROM signalpost_history ORDER BY id",
        )?;
        let rows = rows.query_map([], |row| {
            Ok(Ended {
                task: row.get(0)?,
                state: row.get(1)?,
                attempt: row.get(2)?,
                deaths: row.get(3)?,
                fence: row.get(4)?,
                worker: row.get(5)?,
                result: row.get(6)?,
                finished_at: row.get(7)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What the workers have written of their runs, in order of time.
    ///
    /// # Errors
    ///
    /// When the files cannot be read.
    pub fn ledger(&self) -> io::Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Ledger::read_all(&self.directory.path().join("ledger"))?;
        entries.sort_by_key(|entry| entry.at);
        Ok(entries)
    }

    /// Stops the workers cleanly and looks at the database: what is wrong with either.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn close(&self, members: impl IntoIterator<Item = Member>) -> Result<Vec<String>, BoxError> {
        let mut problems = Vec::new();
        for member in members {
            if !member.process.stop()? {
                problems.push("a worker did not stop cleanly".to_owned());
            }
        }
        let check: String = self.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if check != "ok" {
            problems.push(format!("the database is damaged: {check}"));
        }
        Ok(problems)
    }

    /// Looks again and again until something is so.
    ///
    /// # Errors
    ///
    /// When it is not so after two minutes, with the end of the workers' log.
    pub fn until(&self, what: &str, is_so: impl FnMut() -> Result<bool, BoxError>) -> Result<Duration, BoxError> {
        let log = || fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        until(what, log, is_so)
    }
}
