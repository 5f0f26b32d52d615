//! `cargo xtask bench`: measurements of signalpost, each beside a reference that runs in the same process at the same
//! time of day.

mod dispatch;
mod measure;
mod requests;
mod rounds;
mod sqlite;
mod table;

use clap::{Parser, ValueEnum};
use signalpost::BoxError;

use measure::Measure;

/// Measures, and prints a table.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    /// The other process of a measurement that needs two.
    #[command(subcommand)]
    process: Option<sqlite::Process>,
    /// What to measure. Default: everything.
    groups: Vec<Group>,
    /// One line of JSON for each measurement instead of the table.
    #[arg(long)]
    json: bool,
    /// Shorter runs: all of them in under a minute.
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
    /// A worker that works off what is waiting.
    Drain,
    /// From the commit to the receiver, when the worker is idle; and what idling costs.
    Latency,
    /// What a worker that drains does to somebody else who writes to the file.
    Neighbour,
    /// What a long backlog costs.
    Backlog,
}

fn main() -> Result<(), BoxError> {
    let Arguments { process, groups, json, quick } = Arguments::parse();
    if let Some(process) = process {
        return process.run();
    }
    let all = Group::value_variants();
    let mut table = table::Table::new(json);
    for group in all.iter().filter(|group| groups.is_empty() || groups.contains(group)) {
        let measures: Vec<Measure> = match group {
            Group::Dispatch => dispatch::run(quick),
            Group::Requests => requests::run(quick)?,
            Group::Sends => sqlite::sends::run(quick)?,
            Group::Drain => sqlite::drain::run(quick)?,
            Group::Latency => sqlite::latency::run(quick)?,
            Group::Neighbour => sqlite::neighbour::run(quick)?,
            Group::Backlog => sqlite::backlog::run(quick)?,
        };
        table.print(&measures);
    }
    Ok(())
}
