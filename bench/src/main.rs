//! `cargo xtask bench`: measurements of signalpost, each beside a reference that runs in the same process at the same
//! time of day.

mod disk;
mod dispatch;
mod measure;
mod ping;
mod postgres;
mod process;
mod requests;
mod rounds;
mod saves;
mod sqlite;
mod table;
mod worker;

use clap::{Parser, ValueEnum};
use signalpost::BoxError;

use measure::Measure;

/// Measures, and prints a table.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    /// The other process of a measurement that needs two.
    #[command(subcommand)]
    process: Option<process::Process>,
    /// What to measure. Default: everything.
    groups: Vec<Group>,
    /// One line of JSON for each measurement instead of the table.
    #[arg(long)]
    json: bool,
    /// Shorter runs: all of them in some two minutes.
    #[arg(long)]
    quick: bool,
}

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Sends inside one process.
    Dispatch,
    /// What the signals around a request cost.
    Requests,
    /// Background sends into SQLite: alone, from many at once, in a transaction of the caller's.
    Sends,
    /// Models saved on SQLite over many connections at once, each with three background receivers.
    Saves,
    /// A worker that works off what is waiting.
    Drain,
    /// From the commit to the receiver, when the worker is idle; and what idling costs.
    Latency,
    /// What a worker that drains does to somebody else who writes to the file.
    Neighbour,
    /// What a long backlog costs.
    Backlog,
    /// Background sends into PostgreSQL: alone, from many at once, in a transaction of the caller's.
    PgSends,
    /// Models saved on PostgreSQL over many connections at once, each with three background receivers.
    PgSaves,
    /// A worker on PostgreSQL that works off what is waiting; commits and WAL of a task.
    PgDrain,
    /// From the commit on PostgreSQL to the receiver, when the worker is idle; and what idling costs.
    PgLatency,
    /// Many who send into PostgreSQL at once, and a worker that wants to be notified between their bursts.
    PgNotify,
    /// What is left of rows that are written, changed and deleted on PostgreSQL.
    PgChurn,
    /// What a long backlog costs on PostgreSQL.
    PgBacklog,
}

impl Group {
    fn is_on_postgres(self) -> bool {
        matches!(
            self,
            Group::PgSends
                | Group::PgSaves
                | Group::PgDrain
                | Group::PgLatency
                | Group::PgNotify
                | Group::PgChurn
                | Group::PgBacklog
        )
    }
}

fn main() -> Result<(), BoxError> {
    let Arguments { process, groups, json, quick } = Arguments::parse();
    if let Some(process) = process {
        return process.run();
    }
    let is_wanted = |group: &&Group| groups.is_empty() || groups.contains(group);
    let all = Group::value_variants();
    let needs_server = all.iter().filter(is_wanted).any(|group| group.is_on_postgres());
    let server = if needs_server { postgres::start_server()? } else { None };
    if server.is_none() && groups.iter().any(|group| group.is_on_postgres()) {
        return Err("PostgreSQL is not installed".into());
    }
    let mut table = table::Table::new(json);
    for group in all.iter().filter(is_wanted) {
        let measures: Vec<Measure> = match (group, &server) {
            (Group::Dispatch, _) => dispatch::run(quick),
            (Group::Requests, _) => requests::run(quick)?,
            (Group::Sends, _) => sqlite::sends::run(quick)?,
            (Group::Saves, _) => sqlite::saves::run(quick)?,
            (Group::Drain, _) => sqlite::drain::run(quick)?,
            (Group::Latency, _) => sqlite::latency::run(quick)?,
            (Group::Neighbour, _) => sqlite::neighbour::run(quick)?,
            (Group::Backlog, _) => sqlite::backlog::run(quick)?,
            (Group::PgSends, Some(server)) => postgres::sends::run(server, quick)?,
            (Group::PgSaves, Some(server)) => postgres::saves::run(server, quick)?,
            (Group::PgDrain, Some(server)) => postgres::drain::run(server, quick)?,
            (Group::PgLatency, Some(server)) => postgres::latency::run(server, quick)?,
            (Group::PgNotify, Some(server)) => postgres::notify::run(server, quick)?,
            (Group::PgChurn, Some(server)) => postgres::churn::run(server, quick)?,
            (Group::PgBacklog, Some(server)) => postgres::backlog::run(server, quick)?,
            (_, None) => continue,
        };
        table.print(&measures);
    }
    Ok(())
}
