//! What is left of rows that are written, changed and deleted: dead rows, and how they slow down the claims that follow.

use std::time::Duration;

use signalpost::BoxError;
use signalpost_postgres_server::Server;
use tokio::runtime::Runtime;

use super::database::Database;
use super::{raw, worker};
use crate::measure::Measure;
use crate::ping::Runs;

pub(crate) fn run(server: &Server, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let tasks = if quick { 100_000 } else { 1_000_000 };
    let runtime = Runtime::new()?;
    let ours = Churned::by(server, tasks, |database| {
        let runs = Runs::new(tasks);
        worker::drain(&runtime, database, &runs, tasks, true)?;
        let times = (1..=tasks).filter_map(|number| runs.time(number));
        Ok(times.map(|time| Duration::from_nanos(time).as_secs_f64()).collect())
    })?;
    let reference = Churned::by(server, tasks, |database| {
        let claims = runtime.block_on(raw::drain(database, 1, true))?.claims;
        Ok(claims.into_iter().flat_map(|(at, count)| vec![at.as_secs_f64(); count]).collect())
    })?;
    let beside = |name: &str, of: fn(&Churned) -> f64, unit| {
        Measure::beside(name.to_owned(), of(&ours), of(&reference), unit, "")
    };
    Ok(vec![
        Measure::beside(
            format!("the last tenth of {tasks} tasks | the first one"),
            ours.last_tenth,
            ours.first_tenth,
            "tasks/s",
            "",
        ),
        Measure::beside(
            "  of the reference by 1 connection",
            reference.last_tenth,
            reference.first_tenth,
            "tasks/s",
            "",
        ),
        beside("  dead rows afterwards | of the reference", |of| of.dead_rows, "rows"),
        beside("  runs of the autovacuum | of the reference", |of| of.vacuums, "runs"),
        beside("  table and indexes | of the reference", |of| of.size / f64::from(1 << 20), "MiB"),
    ])
}

/// A table whose tasks have all been worked off.
struct Churned {
    first_tenth: f64,
    last_tenth: f64,
    dead_rows: f64,
    vacuums: f64,
    /// Bytes.
    size: f64,
}

impl Churned {
    /// `drain` says of every task when it was taken, in seconds.
    fn by(
        server: &Server,
        tasks: usize,
        drain: impl FnOnce(&Database<'_>) -> Result<Vec<f64>, BoxError>,
    ) -> Result<Self, BoxError> {
        let database = Database::with_tasks(server, tasks)?;
        let mut times = drain(&database)?;
        times.sort_by(f64::total_cmp);
        if times.len() != tasks {
            return Err(format!("{} of {tasks} tasks were taken", times.len()).into());
        }
        database.until_alone()?;
        let row = database.run_sql(
            "SELECT n_dead_tup, autovacuum_count, pg_total_relation_size(relid) \
             FROM pg_stat_user_tables WHERE relname = 'signalpost_task'",
        )?;
        let numbers = row.split('|').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [dead_rows, vacuums, size] = numbers[..] else { return Err("no statistics of the table".into()) };
        let tenth = tasks / 10;
        let rate = |from: usize, to: usize| (to - from) as f64 / (times[to] - times[from]);
        let (first_tenth, last_tenth) = (rate(0, tenth), rate(tasks - 1 - tenth, tasks - 1));
        Ok(Self { first_tenth, last_tenth, dead_rows, vacuums, size })
    }
}
