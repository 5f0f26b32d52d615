//! `cargo xtask bench`: measurements of signalpost, each beside a reference that runs in the same process at the same
//! time of day.

mod dispatch;
mod measure;
mod rounds;
mod table;

use clap::{Parser, ValueEnum};

use measure::Measure;

/// Measures, and prints a table.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
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
}

fn main() {
    let Arguments { groups, json, quick } = Arguments::parse();
    let all = Group::value_variants();
    let mut table = table::Table::new(json);
    for group in all.iter().filter(|group| groups.is_empty() || groups.contains(group)) {
        let measures: Vec<Measure> = match group {
            Group::Dispatch => dispatch::run(quick),
        };
        table.print(&measures);
    }
}
