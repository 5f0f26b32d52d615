//! `cargo xtask`: what continuous integration runs is what people run.

mod cargo;
mod program;
mod python;
mod step;
mod suite;
mod summary;
mod user;

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

/// What can be done in the signalpost repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Runs everything, and ends with one line that says what ran, what was skipped and why.
    Test,
    /// Runs the tests of the Django package on one pair of Django and Python, on SQLite and on PostgreSQL.
    Python {
        /// The pair, as `5.2-3.10`; the newest one without it. `python/pairs.toml` declares them. `all` is what `test` runs of
        /// Python.
        pair: Option<String>,
        /// Leaves PostgreSQL out.
        #[arg(long)]
        sqlite: bool,
        /// What pytest is given.
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Starts a PostgreSQL server for single tests, says where it is, and keeps it until Ctrl-C.
    Postgres,
    /// Kills or freezes workers, or fills their disk, and checks that no task is lost: `kills [--kills N] [--tasks N] [--seed S]`,
    /// `atomic [--tasks N] [--every-ms N] [--seed S]`, `neighbour [--tasks N] [--every-ms N]`, `freeze [--tasks N]`,
    /// `full-disk`, and others: `--help`.
    // The harness explains its own arguments.
    #[command(disable_help_flag = true)]
    Faults {
        /// What the harness is given.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measures, each beside a reference that is run with it: `[GROUPS] [--json] [--quick]`; with `django` in front, what
    /// background receivers cost a Django project.
    // It explains its own arguments.
    #[command(disable_help_flag = true)]
    Bench {
        /// What the measurements are given.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let command = Command::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = env::set_current_dir(&root) {
        eprintln!("cargo xtask: {}: {error}", root.display());
        return ExitCode::FAILURE;
    }
    let succeeded = match command {
        Command::Test => suite::run(),
        Command::Python { pair: Some(all), sqlite, .. } if all == "all" => suite::run_python(sqlite),
        Command::Python { pair, sqlite, arguments } => {
            said("cargo xtask python", python::tests_of(pair.as_deref(), sqlite, &arguments))
        }
        Command::Postgres => cargo::run(["run", "--quiet", "-p", "signalpost-postgres-server"], &[]),
        Command::Faults { arguments } => run_tool("signalpost-faults", arguments),
        Command::Bench { arguments } if arguments.first().is_some_and(|group| group == "django") => {
            said("cargo xtask bench django", python::bench(&arguments[1..]))
        }
        Command::Bench { arguments } => run_tool("signalpost-bench", arguments),
    };
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// True when it ran and succeeded; what kept it from running is printed.
fn said(command: &str, ran: Result<bool, String>) -> bool {
    ran.unwrap_or_else(|error| {
        eprintln!("{command}: {error}");
        false
    })
}

/// Builds it as it would be shipped, and runs it.
fn run_tool(package: &str, arguments: Vec<OsString>) -> bool {
    let tool = ["run", "--release", "-p", package, "--"].map(OsString::from);
    cargo::run(tool.into_iter().chain(arguments), &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_harness_is_given_its_arguments_as_they_stand() {
        let given = ["kills", "--kills", "3", "--help"];
        let command = Command::try_parse_from(["cargo xtask", "faults"].into_iter().chain(given)).unwrap();
        let Command::Faults { arguments } = command else { panic!("{command:?}") };
        assert_eq!(arguments, given);
    }

    #[test]
    fn a_pair_of_django_and_python_is_given_the_arguments_of_pytest() {
        let given = ["cargo xtask", "python", "5.2-3.10", "--sqlite", "--", "-k", "rollback"];
        let command = Command::try_parse_from(given).unwrap();
        let Command::Python { pair, sqlite, arguments } = command else { panic!("{command:?}") };
        assert_eq!((pair.as_deref(), sqlite), (Some("5.2-3.10"), true));
        assert_eq!(arguments, ["-k", "rollback"]);
    }

    #[test]
    fn the_measurements_are_given_their_arguments_as_they_stand() {
        let given = ["dispatch", "--json", "--quick", "--help"];
        let command = Command::try_parse_from(["cargo xtask", "bench"].into_iter().chain(given)).unwrap();
        let Command::Bench { arguments } = command else { panic!("{command:?}") };
        assert_eq!(arguments, given);
    }
}
