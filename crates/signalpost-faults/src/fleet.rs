//! A PostgreSQL server with a crew, and what can be seen of it from outside.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::{Deref, Range};
use std::path::Path;
use std::time::Duration;

use signalpost::BoxError;
use signalpost_postgres_server::{Server, ServerOptions};
use signalpost_store::PostgresStore;
use sqlx::{Connection, PgConnection};
use tokio::runtime::{Builder, Runtime};

use crate::crew::{Crew, CrewOptions, Runner};
use crate::judge::{Ended, Evidence};
use crate::network::Network;

const DATABASE: &str = "faults";

/// A scenario's server and its crew. Both end with it.
pub struct Fleet {
    crew: Crew,
    server: Server,
    runtime: Runtime,
    control: RefCell<Option<PgConnection>>,
}

/// It is told what its crew is told.
impl Deref for Fleet {
    type Target = Crew;

    fn deref(&self) -> &Crew {
        &self.crew
    }
}

impl Fleet {
    /// A new server with a store, where the processes are.
    ///
    /// # Errors
    ///
    /// When there is no PostgreSQL, or the files cannot be made.
    pub fn new(program: &Path, crew: CrewOptions, server: &ServerOptions) -> Result<Self, BoxError> {
        Self::at(server, |server| Crew::new(program, server.url(DATABASE), crew))
    }

    /// A new server with a store, in the middle of a network. The processes belong on its hosts.
    ///
    /// # Errors
    ///
    /// As for [`Fleet::new`].
    pub fn within(network: &Network, program: &Path, crew: CrewOptions) -> Result<Self, BoxError> {
        let url = |server: &Server| server.url_at(&network.address().to_string(), DATABASE);
        Self::at(&network.server(), |server| Crew::new(program, url(server), crew))
    }

    fn at(server: &ServerOptions, crew: impl FnOnce(&Server) -> Result<Crew, BoxError>) -> Result<Self, BoxError> {
        let server = server.start()?;
        server.create_database(DATABASE)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        drop(runtime.block_on(PostgresStore::connect(&server.url(DATABASE)))?);
        Ok(Self { crew: crew(&server)?, server, runtime, control: RefCell::default() })
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
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
        self.ids("SELECT id FROM signalpost_task WHERE worker = $1", worker)
    }

    /// Those that this worker holds and that have met no death yet. The others run alone from now on, and wait for that.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn unsuspected_of(&self, worker: &str) -> Result<HashSet<i64>, BoxError> {
        self.ids("SELECT id FROM signalpost_task WHERE worker = $1 AND deaths = 0", worker)
    }

    fn ids(&self, sql: &'static str, of: &str) -> Result<HashSet<i64>, BoxError> {
        let ids: Vec<i64> =
            self.ask(async |connection| sqlx::query_scalar(sql).bind(of).fetch_all(connection).await)?;
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

    /// Whether a task has ended that is newer than this one.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn has_ended_beyond(&self, task: i64) -> Result<bool, BoxError> {
        let has = "SELECT EXISTS (SELECT FROM signalpost_history WHERE id > $1)";
        self.ask(async |connection| sqlx::query_scalar(has).bind(task).fetch_one(connection).await)
    }

    /// The server's processes that serve the workers and senders.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn backends(&self) -> Result<Vec<i32>, BoxError> {
        self.pids("SELECT pid FROM pg_stat_activity WHERE application_name = 'signalpost' ORDER BY pid")
    }

    /// Those of them on which somebody listens: they say nothing else, but for asking whether they are there.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn listeners(&self) -> Result<Vec<i32>, BoxError> {
        self.pids(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'signalpost' AND state = 'idle' \
             AND (query LIKE 'LISTEN %' OR query = 'SELECT 1') ORDER BY pid",
        )
    }

    fn pids(&self, sql: &'static str) -> Result<Vec<i32>, BoxError> {
        self.ask(async |connection| sqlx::query_scalar(sql).fetch_all(connection).await)
    }

    /// Ends these processes of the server.
    ///
    /// # Errors
    ///
    /// When the database cannot be asked.
    pub fn terminate(&self, pids: &[i32]) -> Result<(), BoxError> {
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM unnest($1::int[]) AS ended (pid)";
        self.ask(async |connection| sqlx::query(terminate).bind(pids).execute(connection).await).map(drop)
    }

    /// The number of the newest task. Until there is one, 1.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn newest(&self) -> Result<u64, BoxError> {
        let newest = "SELECT last_value FROM signalpost_task_id_seq";
        let newest: i64 = self.ask(async |connection| sqlx::query_scalar(newest).fetch_one(connection).await)?;
        Ok(newest.unsigned_abs())
    }

    /// From the return of a send to the beginning of its first run, at worst, of those that were sent in this time.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn slowest_start(&self, range: Range<u64>, evidence: &Evidence) -> Result<Duration, BoxError> {
        let mut begun: HashMap<u32, u64> = HashMap::new();
        for run in evidence.entries.iter().rev() {
            begun.insert(run.number, run.at);
        }
        let sends = self.sends()?;
        let sends = sends.iter().filter(|sent| range.contains(&sent.at));
        let after = |sent: &crate::Sent| begun.get(&sent.number).map(|at| at.saturating_sub(sent.at));
        Ok(Duration::from_micros(sends.filter_map(after).max().unwrap_or_default()))
    }

    /// Everything that is known, and what is wrong with how it hangs together: to be asked when all is over.
    ///
    /// # Errors
    ///
    /// When the database or the ledger cannot be read.
    pub fn evidence(&self) -> Result<(Evidence, Vec<String>), BoxError> {
        let (entries, sends) = (self.runs()?, self.sends()?);
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
    /// When the database cannot be read.
    pub fn close(&self, workers: Vec<Runner>) -> Result<Vec<String>, BoxError> {
        let mut problems = self.stop_workers(workers)?;
        // Part of PostgreSQL's own collection, which Debian installs with it.
        self.ask(async |connection| sqlx::raw_sql("CREATE EXTENSION IF NOT EXISTS amcheck").execute(connection).await)?;
        let check = "SELECT bt_index_check(index.indexrelid, true) FROM pg_index AS index \
             JOIN pg_class AS class ON class.oid = index.indexrelid WHERE class.relname LIKE 'signalpost%'";
        if let Err(error) = self.ask(async |connection| sqlx::raw_sql(check).execute(connection).await) {
            problems.push(format!("the database is damaged: {error}"));
        }
        Ok(problems)
    }
}

/// PostgreSQL ends the session with these: somebody has terminated it, or the server stops.
fn is_end_of_session(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| code.starts_with("57P"))
}
