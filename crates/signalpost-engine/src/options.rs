//! What the engine is told on its command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::fd::RawFd;
use std::time::Duration;

use clap::{Args, Parser};

use crate::leash::Leash;

/// The commands of `signalpost`.
#[derive(Debug, Parser)]
#[command(
    name = "signalpost",
    version,
    about = "The engine of the Django worker. `manage.py signalpost_worker` starts it."
)]
pub enum EngineCommand {
    /// Runs tasks in child processes, until it is stopped.
    Worker(EngineOptions),
    /// Becomes a child, tied to the engine that has started this.
    #[command(hide = true)]
    Leash(Leash),
}

/// The options of `signalpost worker`.
#[derive(Debug, Args)]
pub struct EngineOptions {
    /// The descriptor from which the settings are read, as JSON.
    #[arg(long, value_name = "FD")]
    pub settings_fd: RawFd,
    /// How many children run at once [default: the number of CPUs].
    #[arg(long, value_name = "N")]
    pub processes: Option<NonZeroUsize>,
    /// How many synchronous receivers run at once in a child.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub threads: u16,
    /// How many asynchronous receivers run at once in a child.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub async_concurrency: u16,
    /// After how many tasks a child is replaced [default: never].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_tasks_per_child: Option<u64>,
    /// Above how much resident memory, in MiB, a child is replaced when a task has ended [default: never].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub max_memory_per_child: Option<u64>,
    /// A queue to serve; may be given often [default: all that the project's receivers have].
    #[arg(long = "queue", value_name = "NAME")]
    pub queues: Vec<String>,
    /// A queue not to serve; may be given often.
    #[arg(long = "exclude-queue", value_name = "NAME")]
    pub excluded_queues: Vec<String>,
    /// Ends when nothing is due.
    #[arg(long, conflicts_with = "exit_when_idle")]
    pub once: bool,
    /// Ends when no task is live: waits for delayed tasks and for retries.
    #[arg(long)]
    pub exit_when_idle: bool,
    /// How many seconds a stop waits for what runs.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub grace: u32,
    /// How many seconds a child may take to start.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub start_timeout: u32,
    /// How many seconds a child may take to give back what it has not begun.
    #[arg(long, hide = true, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub answer_timeout: u32,
    /// Where probes are answered, by HTTP, as 0.0.0.0:8081 [default: nowhere].
    #[arg(long, value_name = "ADDRESS")]
    pub health: Option<SocketAddr>,
    /// How a child is started.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl EngineOptions {
    pub(crate) fn processes(&self) -> usize {
        let of_machine = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.processes.unwrap_or_else(of_machine).get()
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<EngineOptions, clap::Error> {
        let all = ["signalpost", "worker"].iter().chain(arguments);
        match EngineCommand::try_parse_from(all)? {
            EngineCommand::Worker(options) => Ok(options),
            EngineCommand::Leash(_) => panic!("not asked for"),
        }
    }

    #[test]
    fn what_follows_the_dashes_is_the_childs_command() {
        let options =
            parsed(&["--settings-fd", "7", "--queue", "a", "--queue", "b", "--", "python", "-X", "dev"]).unwrap();
        assert_eq!((options.settings_fd, options.threads, options.async_concurrency), (7, 4, 100));
        assert_eq!(options.queues, ["a", "b"]);
        assert_eq!(options.command, ["python", "-X", "dev"]);
    }

    #[test]
    fn a_child_without_a_command_or_a_thread_is_refused() {
        assert!(parsed(&["--settings-fd", "7"]).is_err());
        assert!(parsed(&["--settings-fd", "7", "--threads", "0", "--", "python"]).is_err());
        assert!(parsed(&["--", "python"]).is_err());
    }

    #[test]
    fn an_address_for_probes_has_a_port() {
        let with = |address| parsed(&["--settings-fd", "7", "--health", address, "--", "python"]);
        assert_eq!(with("[::1]:8081").unwrap().health.unwrap().port(), 8081);
        let refused = with("8081").unwrap_err().to_string();
        assert!(refused.contains("--health") && refused.contains("8081"), "{refused}");
    }
}
