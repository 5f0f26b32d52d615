//! A server for all measurements, and a database of its own for each.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use signalpost::BoxError;
use signalpost_postgres_server::{Server, ServerOptions, TestDatabase};
use signalpost_store::PostgresStore;
use tokio_postgres::{Client, NoTls};

use crate::disk::disk;
use crate::ping::{RECEIVER, cpu_nanos};
use crate::worker::PATIENCE;

/// With PostgreSQL's default settings, on a disk where a commit costs a flush. `None` where PostgreSQL is not installed,
/// which is said.
pub(crate) fn start_server() -> Result<Option<Server>, BoxError> {
    match ServerOptions::new().inside(disk()?).start() {
        Ok(server) => Ok(Some(server)),
        Err(error) if error.is_missing() => {
            eprintln!("the measurements on PostgreSQL are left out: {error}");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// A fresh database with the store's tables. It goes with this.
pub(super) struct Database<'a> {
    server: &'a Server,
    database: TestDatabase,
}

/// What has been done in a database since it was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) commits: f64,
    /// Bytes, of the whole server.
    pub(super) wal: f64,
    /// Seconds of processor time of this process.
    pub(super) cpu: f64,
    /// Seconds of processor time of the server's processes that have ended, as sessions have.
    pub(super) server_cpu: f64,
}

impl Cost {
    /// What each of so many tasks has cost since then.
    pub(super) fn of_each(self, since: Cost, tasks: usize) -> Self {
        let each = |now: f64, then: f64| (now - then) / tasks as f64;
        Self {
            commits: each(self.commits, since.commits),
            wal: each(self.wal, since.wal),
            cpu: each(self.cpu, since.cpu),
            server_cpu: each(self.server_cpu, since.server_cpu),
        }
    }
}

impl<'a> Database<'a> {
    pub(super) fn new(server: &'a Server) -> Result<Self, BoxError> {
        let database = TestDatabase::in_server(&server.url("postgres"))?;
        database.run_sql(&PostgresStore::schema_sql(None))?;
        Ok(Self { server, database })
    }

    /// With this many tasks waiting, numbered from 1 as their rows are.
    pub(super) fn with_tasks(server: &'a Server, count: usize) -> Result<Self, BoxError> {
        let database = Self::new(server)?;
        // Whether a page goes to the log as a whole depends on the last checkpoint: it lies before the rows.
        server.run_sql("postgres", "CHECKPOINT")?;
        database.run_sql(&format!(
            "INSERT INTO signalpost_task (send_id, signal, sender, receiver, queue, priority, run_at, payload, \
                 payload_version, headers, depth, created_at) \
             SELECT '01999999-0000-7000-8000-' || lpad(to_hex(number), 12, '0'), 'bench.ping', 'bench', '{RECEIVER}', \
                 'default', 0, now - {count} + number, '{{\"number\":' || number || '}}', 1, '{{}}', 0, \
                 now - {count} + number \
             FROM generate_series(1, {count}) AS number, \
                 (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now) AS clock \
             ORDER BY number"
        ))?;
        // As the autovacuum would, in the midst of it.
        database.run_sql("VACUUM (ANALYZE) signalpost_task")?;
        Ok(database)
    }

    pub(super) fn url(&self) -> &str {
        self.database.url()
    }

    /// Ours, with default settings.
    pub(super) async fn store(&self) -> Result<Arc<PostgresStore>, BoxError> {
        Ok(Arc::new(PostgresStore::connect(self.url()).await?))
    }

    /// A connection of the reference's.
    pub(super) async fn connect(&self) -> Result<Client, BoxError> {
        connect(self.url()).await
    }

    /// Rows as `psql` prints them.
    pub(super) fn run_sql(&self, sql: &str) -> Result<String, BoxError> {
        Ok(self.database.run_sql(sql)?)
    }

    /// What has been done until now, when nobody is connected any more.
    pub(super) fn cost(&self) -> Result<Cost, BoxError> {
        self.until_alone()?;
        let row = self.beside(&format!(
            "SELECT xact_commit, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') FROM pg_stat_database WHERE datname = '{}'",
            self.database.name()
        ))?;
        let (commits, wal) = row.split_once('|').ok_or("no statistics of the database")?;
        let cpu = Duration::from_nanos(cpu_nanos()).as_secs_f64();
        Ok(Cost { commits: commits.parse()?, wal: wal.parse()?, cpu, server_cpu: self.server_cpu()? })
    }

    /// What the server's first process has counted of its children.
    fn server_cpu(&self) -> Result<f64, BoxError> {
        let first = fs::read_to_string(self.server.directory().join("data/postmaster.pid"))?;
        let first = first.lines().next().ok_or("the server has no process")?;
        let statistics = fs::read_to_string(format!("/proc/{first}/stat"))?;
        // Its name may hold anything. `cutime` and `cstime` are the 14th and 15th behind it.
        let (_, numbers) = statistics.rsplit_once(')').ok_or("the server has no statistics")?;
        let ticks = numbers.split_whitespace().skip(13).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Waits until nobody is connected any more: what sessions have counted is known for certain when they have ended.
    pub(super) fn until_alone(&self) -> Result<(), BoxError> {
        let began = Instant::now();
        while !self.sessions()?.is_empty() {
            if began.elapsed() > PATIENCE {
                return Err(format!("somebody is still connected after {PATIENCE:?}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The processes in the server that serve somebody who is connected.
    pub(super) fn sessions(&self) -> Result<Vec<u32>, BoxError> {
        let rows = self.beside(&format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND backend_type = 'client backend'",
            self.database.name()
        ))?;
        Ok(rows.lines().map(str::parse).collect::<Result<_, _>>()?)
    }

    /// In another database, so that it does not count in this one.
    fn beside(&self, sql: &str) -> Result<String, BoxError> {
        Ok(self.server.run_sql("postgres", sql)?)
    }
}

/// A connection as any application has it.
pub(super) async fn connect(url: &str) -> Result<Client, BoxError> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // It ends with the client, who is told of its errors.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}
