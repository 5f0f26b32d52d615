//! The fault scenarios from the command line, and the worker that they kill.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use signalpost::BoxError;
use signalpost_faults::atomic::{self, Atomic};
use signalpost_faults::freeze::{self, Freeze};
use signalpost_faults::full_disk;
use signalpost_faults::kills::{self, Kills};
use signalpost_faults::machines::{self, Machines};
use signalpost_faults::neighbour::{self, Neighbour};
use signalpost_faults::saver::{self, SaverArguments};
use signalpost_faults::saves::{self, Saves};
use signalpost_faults::sender::{self, SenderArguments};
use signalpost_faults::worker::{self, WorkerArguments};

/// Kills and freezes real workers, and checks with a ledger of its own that nothing was lost.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// Two workers; one of them is killed with SIGKILL and started again, many times.
    Kills {
        /// How often a worker is killed.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        kills: u32,
        /// How many tasks are sent in all.
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
        tasks: u32,
        /// Where the random moments come from [default: random, and printed].
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Two workers of an atomic receiver that adds 1 to a counter; one of them is killed all the time, until the tasks
    /// have ended.
    Atomic {
        /// How many tasks are sent.
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
        tasks: u32,
        /// How long between two kills, on average.
        #[arg(long, default_value_t = 300)]
        every_ms: u64,
        /// Where the random moments come from [default: random, and printed].
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Two workers; one of them is stopped with SIGSTOP for longer than its lease, and continued.
    Freeze {
        /// How many tasks are sent before the stop, and again after.
        #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
        tasks: u32,
    },
    /// A worker that drains, and a neighbour who commits to the same file all the while.
    Neighbour {
        /// How many tasks are drained.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
        tasks: u32,
        /// How long the neighbour waits between two commits.
        #[arg(long, default_value_t = 5)]
        every_ms: u64,
    },
    /// A worker on a small file system that is filled, and has room again. Needs the right to mount one.
    FullDisk,
    /// Three workers and four senders on PostgreSQL; every second a worker is killed with SIGKILL and replaced.
    Machines {
        /// How many tasks are sent in all.
        #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
        tasks: u32,
        /// How long between two kills, on average.
        #[arg(long, default_value_t = 1000)]
        every_ms: u64,
        /// Where the random moments come from [default: random, and printed].
        #[arg(long)]
        seed: Option<u64>,
    },
    /// A process that saves and deletes models, four at a time; it is killed with SIGKILL and started again, many times.
    Saves {
        /// How often it is killed.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        kills: u32,
        /// On PostgreSQL, in a server of its own [default: on SQLite].
        #[arg(long)]
        postgres: bool,
        /// Where the random moments come from [default: random, and printed].
        #[arg(long)]
        seed: Option<u64>,
    },
    /// The worker that the scenarios start.
    #[command(hide = true)]
    Worker(WorkerArguments),
    /// The sender that the scenarios start.
    #[command(hide = true)]
    Sender(SenderArguments),
    /// The process that saves, which a scenario starts.
    #[command(hide = true)]
    Saver(SaverArguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().scenario) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(scenario: Scenario) -> Result<ExitCode, BoxError> {
    let program = std::env::current_exe()?;
    let problems = match scenario {
        Scenario::Kills { kills, tasks, seed } => {
            let findings =
                kills::run(&program, &Kills { kills, tasks, seed: seed.unwrap_or_else(|| fastrand::u64(..)) })?;
            println!("{findings}");
            findings.problems
        }
        Scenario::Atomic { tasks, every_ms, seed } => {
            let (every, seed) = (Duration::from_millis(every_ms), seed.unwrap_or_else(|| fastrand::u64(..)));
            let findings = atomic::run(&program, &Atomic { tasks, every, seed })?;
            println!("{findings}");
            findings.problems
        }
        Scenario::Freeze { tasks } => {
            let findings = freeze::run(&program, &Freeze { tasks })?;
            println!("{findings}");
            findings.problems
        }
        Scenario::Neighbour { tasks, every_ms } => {
            let every = Duration::from_millis(every_ms);
            let findings = neighbour::run(&program, &Neighbour { tasks, every })?;
            println!("{findings}");
            findings.problems
        }
        Scenario::FullDisk => {
            let findings = full_disk::run(&program)?;
            println!("{findings}");
            findings.problems
        }
        Scenario::Machines { tasks, every_ms, seed } => {
            let (every, seed) = (Duration::from_millis(every_ms), seed.unwrap_or_else(|| fastrand::u64(..)));
            let findings = machines::run(&program, &Machines { tasks, every, seed })?;
            println!("{findings}");
            findings.problems
        }
        Scenario::Saves { kills, postgres, seed } => {
            let seed = seed.unwrap_or_else(|| fastrand::u64(..));
            let findings = saves::run(&program, &Saves { kills, on_postgres: postgres, seed })?;
            println!("{findings}");
            findings.problems
        }
        Scenario::Worker(arguments) => {
            worker::run(&arguments)?;
            Vec::new()
        }
        Scenario::Sender(arguments) => {
            sender::run(arguments)?;
            Vec::new()
        }
        Scenario::Saver(arguments) => {
            saver::run(arguments)?;
            Vec::new()
        }
    };
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
