//! A PostgreSQL database, its workers and senders as processes, and what can be seen of them from outside.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use signalpost::BoxError;
use signalpost_postgres_server::{Server, ServerOptions};
use signalpost_store::PostgresStore;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::judge::{Ended, Evidence};
use crate::network::Host;
use crate::patience::until;
use crate::sender::SenderArguments;
use crate::worker::WorkerArguments;
use crate::{Entry, Ledger, Process, Sent};

const DATABASE: &str = "faults";

/// How a fleet's workers are.
#[derive(Debug, Clone)]
pub struct FleetOptions {
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
    /// How the server is.
    pub server: ServerOptions,
    /// Where it is, as the processes see it. `None`: where they are.
    pub address: Option<Ipv4Addr>,
}

/// A scenario's database and its processes' files. The server ends with it.
pub struct Fleet {
    server: Server,
    directory: TempDir,
    program: PathBuf,
    options: FleetOptions,
    runtime: Runtime,
    control: RefCell<Option<PgConnection>>,
    started: Cell<u32>,
}

/// One process of a fleet.
pub struct Runner {
    /// The process.
    pub process: Process,
    pub(crate) host: Option<Host>,
    log: PathBuf,
}

impl Fleet {
    /// A new server with a store.
    ///
    /// # Errors
    ///
    /// When there is no PostgreSQL, or the files cannot be made.
    pub fn new(program: &Path, options: FleetOptions) -> Result<Self, BoxError> {
        let directory = tempfile::tempdir()?;
        for name in ["runs", "sends", "logs"] {
            fs::create_dir(directory.path().join(name))?;
        }
        let server = options.server.start()?;
        server.create_database(DATABASE)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        drop(runtime.block_on(PostgresStore::connect(&server.url(DATABASE)))?);
        let (program, control, started) = (program.to_owned(), RefCell::default(), Cell::new(0));
        Ok(Self { server, directory, program, options, runtime, control, started })
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The database, as the processes see it.
    fn url(&self) -> String {
        match self.options.address {
            Some(address) => self.server.url_at(&address.to_string(), DATABASE),
            None => self.server.url(DATABASE),
        }
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
        let FleetOptions { lease, work, concurrency, keep_ended, has_ledger, .. } = &self.options;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let arguments = WorkerArguments {
            database: self.url(),
            ledger: has_ledger.then(|| self.directory.path().join("runs")),
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
        self.until("the workers to be there", || Ok(workers.iter().all(|worker| !worker.workers().is_empty())))?;
        Ok(workers)
    }

    /// Starts a sender: the database and the ledger are the fleet's, whatever the arguments say.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_sender(&self, host: Option<&Host>, arguments: SenderArguments) -> Result<Runner, BoxError> {
        let arguments = SenderArguments {
            database: self.url(),
            ledger: self.options.has_ledger.then(|| self.directory.path().join("sends")),
            ..arguments
        };
        self.start("sender", host, |command| arguments.give(command))
    }

    /// Asks the database something, on a connection of its own that is opened again where it was lost.
    pub(crate) fn ask<T>(&self, question: impl AsyncFn(&mut PgConnection) -> sqlx::Result<T>) -> Result<T, BoxError> {
        self.runtime.block_on(async {
            if let Some(mut connection) = self.control.take() {
                match question(&mut connection).await {
                    Ok(answer) => {
                        self.control.replace(Some(connection));
                        return Ok(answer);
                    }
                    Err(sqlx::Error::Database(error)) if !is_end_of_session(&*error) => return Err(error.into()),
                    Err(_) => {}
                }
            }
            let mut connection = PgConnection::connect(&self.server.url(DATABASE)).await?;
            let answer = question(&mut connection).await?;
            self.control.replace(Some(connection));
            Ok(answer)
        })
    }

    /// The tasks that this worker holds.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn held_by(&self, worker: &str) -> Result<HashSet<i64>, BoxError> {
        let held = "SELECT id FROM signalpost_task WHERE worker = $1";
        let ids: Vec<i64> =
            self.ask(async |connection| sqlx::query_scalar(held).bind(worker).fetch_all(connection).await)?;
        Ok(ids.into_iter().collect())
    }

    /// Whether the worker has a lease row.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn has_lease(&self, worker: &str) -> Result<bool, BoxError> {
        let has = "SELECT EXISTS (SELECT FROM signalpost_worker WHERE id = $1)";
        self.ask(async |connection| sqlx::query_scalar(has).bind(worker).fetch_one(connection).await)
    }

    /// What has become of these tasks of a worker's: whether one of them is in the hands of somebody else or through them
    /// already, and whether any is still to be ended.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn fate_of(&self, tasks: &HashSet<i64>, worker: &str) -> Result<(bool, bool), BoxError> {
        let fate = "SELECT \
             EXISTS (SELECT FROM signalpost_task WHERE id = ANY ($1) AND worker <> $2) \
             OR EXISTS (SELECT FROM signalpost_history WHERE id = ANY ($1) AND worker <> $2), \
             EXISTS (SELECT FROM signalpost_task WHERE id = ANY ($1))";
        let tasks: Vec<i64> = tasks.iter().copied().collect();
        self.ask(async |connection| sqlx::query_as(fate).bind(&tasks).bind(worker).fetch_one(connection).await)
    }

    /// How many tasks have not ended.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn live(&self) -> Result<u64, BoxError> {
        let live = "SELECT count(*) FROM signalpost_task";
        let count: i64 = self.ask(async |connection| sqlx::query_scalar(live).fetch_one(connection).await)?;
        Ok(count.unsigned_abs())
    }

    /// Everything that is known, and what is wrong with how it hangs together: to be asked when all is over.
    ///
    /// # Errors
    ///
    /// When the database or the ledger cannot be read.
    pub fn evidence(&self) -> Result<(Evidence, Vec<String>), BoxError> {
        let mut entries: Vec<Entry> = Ledger::read_all(&self.directory.path().join("runs"))?;
        entries.sort_by_key(|entry| entry.at);
        let sends: Vec<Sent> = Ledger::read_all(&self.directory.path().join("sends"))?;
        let mut problems = Vec::new();
        let mut tasks: HashMap<u32, i64> = HashMap::new();
        for entry in &entries {
            let task = *tasks.entry(entry.number).or_insert(entry.task);
            if task != entry.task {
                problems.push(format!("send {} has made two tasks, {task} and {}", entry.number, entry.task));
            }
        }
        let lost = sends.iter().filter(|sent| !tasks.contains_key(&sent.number));
        problems.extend(lost.map(|sent| format!("send {} was lost: no run of it has begun", sent.number)));
        let sent = sends.iter().filter_map(|sent| tasks.get(&sent.number).copied()).collect();
        Ok((Evidence { sent, entries, history: self.history()? }, problems))
    }

    fn history(&self) -> Result<Vec<Ended>, BoxError> {
        type Row = (i64, String, i64, i64, i64, Option<String>, Option<String>, i64);
        let history =
            "SELECT id, state, attempt, deaths, fence, worker, result, finished_at FROM signalpost_history ORDER BY id";
        let rows: Vec<Row> = self.ask(async |connection| sqlx::query_as(history).fetch_all(connection).await)?;
        let ended = |(task, state, attempt, deaths, fence, worker, result, finished_at): Row| -> Result<_, BoxError> {
            let (attempt, deaths) = (attempt.try_into()?, deaths.try_into()?);
            Ok(Ended { task, state, attempt, deaths, fence, worker, result, finished_at })
        };
        rows.into_iter().map(ended).collect()
    }

    /// Stops the workers cleanly, and looks at the database: what is wrong with either.
    ///
    /// # Errors
    ///
    /// When one does not begin to work, or the database cannot be read.
    pub fn close(&self, workers: Vec<Runner>) -> Result<Vec<String>, BoxError> {
        // One that has just been started is deaf to the signal, and dies of it.
        self.until("the workers to be there", || Ok(workers.iter().all(|worker| !worker.workers().is_empty())))?;
        let mut problems = Vec::new();
        for Runner { process, log, .. } in workers {
            if !process.stop()? {
                let said = fs::read_to_string(&log).unwrap_or_default();
                problems.push(format!("a process did not end well: {}", said.lines().last().unwrap_or_default()));
            }
        }
        // Part of PostgreSQL's own collection, which Debian installs with it.
        self.ask(async |connection| sqlx::raw_sql("CREATE EXTENSION IF NOT EXISTS amcheck").execute(connection).await)?;
        let check = "SELECT bt_index_check(index.indexrelid, true) FROM pg_index AS index \
             JOIN pg_class AS class ON class.oid = index.indexrelid WHERE class.relname LIKE 'signalpost%'";
        if let Err(error) = self.ask(async |connection| sqlx::raw_sql(check).execute(connection).await) {
            problems.push(format!("the database is damaged: {error}"));
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

/// PostgreSQL ends the session with these: somebody has terminated it, or the server stops.
fn is_end_of_session(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| code.starts_with("57P"))
}

impl Runner {
    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The ids that its worker has taken, the newest last. Empty: it is not there yet.
    pub fn workers(&self) -> Vec<String> {
        let log = self.log();
        let registered = log.lines().filter(|line| line.contains("worker registered"));
        let id = |line: &str| Some(line.split_once(" worker=")?.1.split(' ').next()?.to_owned());
        registered.filter_map(id).collect()
    }
}
