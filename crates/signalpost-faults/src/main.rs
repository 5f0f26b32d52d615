//! The fault scenarios from the command line, and the worker that they kill.

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use signalpost::BoxError;
use signalpost_faults::atomic::{self, Atomic};
use signalpost_faults::cut_off::{self, CutOff};
use signalpost_faults::disturbance::Disturbance;
use signalpost_faults::disturbed::{self, Disturbed};
use signalpost_faults::freeze::{self, Freeze};
use signalpost_faults::full_disk;
use signalpost_faults::kills::{self, Kills};
use signalpost_faults::machines::{self, Machines};
use signalpost_faults::neighbour::{self, Neighbour};
use signalpost_faults::saver::{self, SaverArguments};
use signalpost_faults::saves::{self, Saves};
use signalpost_faults::sender::{self, SenderArguments};
use signalpost_faults::soak::{self, Soak};
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
    /// As `machines`, with everybody in a network namespace of its own; and one worker's host is cut off for longer than its
    /// lease. Needs root and iproute2.
    CutOff {
        /// How many tasks are sent in all, at least.
        #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
        tasks: u32,
        /// How many of them in a second.
        #[arg(long, default_value_t = 2_000.0)]
        rate: f64,
        /// How long between two kills, on average.
        #[arg(long, default_value_t = 1000)]
        every_ms: u64,
        /// The workers' lease, in seconds.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..))]
        lease_s: u64,
        /// Where the random moments come from [default: random, and printed].
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Three workers and two senders at a steady load, on a server that is disturbed: those who listen are terminated, the
    /// server is restarted in good order and after a crash, its backends are terminated, it is away for less than the lease and
    /// for longer.
    Disturbed {
        /// Only these.
        by: Vec<Kind>,
        /// How many tasks are sent in a second.
        #[arg(long, default_value_t = 200.0)]
        rate: f64,
        /// The workers' lease, in seconds.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(4..))]
        lease_s: u64,
        /// Where the random moments come from [default: random, and printed].
        #[arg(long)]
        seed: Option<u64>,
    },
    /// A steady load for a long time: is the throughput in the end what it was, and what of tables, history, memory, files and
    /// threads has grown?
    Soak {
        /// How long.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// On which database.
        #[arg(long, value_enum, default_value_t = Database::Postgres)]
        database: Database,
        /// How many tasks are sent in a second.
        #[arg(long, default_value_t = 1000.0)]
        rate: f64,
        /// How long successes are kept in the history, in seconds.
        #[arg(long, default_value_t = 30)]
        keep_s: u64,
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

/// A database of the scenario's own.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

/// What is done to a server.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Deafness,
    Restarts,
    Crashes,
    Terminations,
    ShortAbsence,
    LongAbsence,
}

/// Of these kinds, or of all, in the length that is promised to be harmless.
fn disturbances(kinds: &[Kind]) -> impl Iterator<Item = Disturbance> {
    let kinds = if kinds.is_empty() { Kind::value_variants() } else { kinds };
    kinds.iter().map(|kind| match kind {
        Kind::Deafness => Disturbance::Deafness(10),
        Kind::Restarts => Disturbance::Restarts(5),
        Kind::Crashes => Disturbance::Crashes(5),
        Kind::Terminations => {
            Disturbance::Terminations { every: Duration::from_millis(200), during: Duration::from_secs(60) }
        }
        Kind::ShortAbsence => Disturbance::Absence(Duration::from_secs(25)),
        Kind::LongAbsence => Disturbance::Absence(Duration::from_secs(120)),
    })
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
    let program = &*std::env::current_exe()?;
    let seeded = |seed: Option<u64>| seed.unwrap_or_else(|| fastrand::u64(..));
    let problems = match scenario {
        Scenario::Kills { kills, tasks, seed } => {
            let kills = Kills { kills, tasks, seed: seeded(seed) };
            told(kills::run(program, &kills)?, |found| found.problems)
        }
        Scenario::Atomic { tasks, every_ms, seed } => {
            let atomic = Atomic { tasks, every: Duration::from_millis(every_ms), seed: seeded(seed) };
            told(atomic::run(program, &atomic)?, |found| found.problems)
        }
        Scenario::Freeze { tasks } => told(freeze::run(program, &Freeze { tasks })?, |found| found.problems),
        Scenario::Neighbour { tasks, every_ms } => {
            let neighbour = Neighbour { tasks, every: Duration::from_millis(every_ms) };
            told(neighbour::run(program, &neighbour)?, |found| found.problems)
        }
        Scenario::FullDisk => told(full_disk::run(program)?, |found| found.problems),
        Scenario::Machines { tasks, every_ms, seed } => {
            let machines = Machines { tasks, every: Duration::from_millis(every_ms), seed: seeded(seed) };
            told(machines::run(program, &machines)?, |found| [found.problems, found.recovery.late()].concat())
        }
        Scenario::CutOff { tasks, rate, every_ms, lease_s, seed } => {
            let (every, lease) = (Duration::from_millis(every_ms), Duration::from_secs(lease_s));
            let cut_off = CutOff { tasks, rate, every, lease, seed: seeded(seed) };
            told(cut_off::run(program, &cut_off)?, |found| [found.problems, found.recovery.late()].concat())
        }
        Scenario::Disturbed { by, rate, lease_s, seed } => {
            let (lease, seed) = (Duration::from_secs(lease_s), seeded(seed));
            let mut problems = Vec::new();
            for by in disturbances(&by) {
                let findings = disturbed::run(program, &Disturbed { by, rate, lease, most_lines: 1, seed })?;
                problems.extend(told(findings, |found| found.problems));
            }
            problems
        }
        Scenario::Soak { minutes, database, rate, keep_s } => {
            let on_postgres = database == Database::Postgres;
            let (during, keep) = (Duration::from_secs_f64(minutes * 60.0), Duration::from_secs(keep_s));
            let soak = Soak { during, on_postgres, rate, keep };
            told(soak::run(program, &soak)?, |found| [found.problems, found.drift].concat())
        }
        Scenario::Saves { kills, postgres, seed } => {
            let saves = Saves { kills, on_postgres: postgres, seed: seeded(seed) };
            told(saves::run(program, &saves)?, |found| found.problems)
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

/// Prints what was found; which of it must not be.
fn told<Findings: Display>(findings: Findings, problems: impl FnOnce(Findings) -> Vec<String>) -> Vec<String> {
    println!("{findings}");
    problems(findings)
}
