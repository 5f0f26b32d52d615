//! One step of the suite.

use signalpost_postgres_server::TEST_POSTGRES;

use crate::{cargo, user};

/// Some commands of cargo that pass or fail together.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Where this is missing the step is skipped, with the hint.
    pub(crate) needs: Option<(Need, &'static str)>,
    /// What cargo is given, separated by spaces.
    pub(crate) commands: &'static [&'static str],
    /// Where there is PostgreSQL the commands are told its URL, and end with this.
    pub(crate) with_postgres: Option<&'static str>,
    pub(crate) variables: &'static [(&'static str, &'static str)],
}

/// What not every machine has.
#[derive(Debug)]
pub(crate) enum Need {
    /// A command of cargo's.
    Subcommand(&'static str),
    /// The right to mount a file system.
    Root,
}

impl Need {
    fn is_there(&self) -> bool {
        match self {
            Need::Subcommand(name) => cargo::has(name),
            Need::Root => user::is_root(),
        }
    }
}

/// What became of a step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// Why.
    Skipped(String),
}

impl Step {
    pub(crate) const fn new(name: &'static str, commands: &'static [&'static str]) -> Self {
        Self { name, needs: None, commands, with_postgres: None, variables: &[] }
    }

    /// Runs all of its commands, whatever becomes of the first; with the URL of PostgreSQL, where there is one.
    pub(crate) fn run(&self, postgres: Option<&str>) -> Outcome {
        if let Some((need, hint)) = &self.needs
            && !need.is_there()
        {
            println!("\n== {}: skipped, {hint}", self.name);
            return Outcome::Skipped((*hint).to_owned());
        }
        let mut outcome = Outcome::Passed;
        for command in self.commands(postgres) {
            println!("\n== {}: cargo {command}", self.name);
            if !cargo::run(command.split_whitespace(), &self.variables(postgres)) {
                println!("== {}: failed: cargo {command}", self.name);
                outcome = Outcome::Failed;
            }
        }
        outcome
    }

    fn commands(&self, postgres: Option<&str>) -> Vec<String> {
        let ending = self.with_postgres.filter(|_| postgres.is_some()).unwrap_or_default();
        self.commands.iter().map(|command| format!("{command}{ending}")).collect()
    }

    fn variables<'a>(&self, postgres: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
        let postgres = postgres.filter(|_| self.with_postgres.is_some()).map(|url| (TEST_POSTGRES, url));
        self.variables.iter().copied().chain(postgres).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://127.0.0.1/postgres";

    #[test]
    fn where_there_is_postgresql_the_tests_that_need_it_are_run_and_told_where_it_is() {
        let tests = Step { with_postgres: Some(" --run-ignored all"), ..Step::new("tests", &["nextest run"]) };
        assert_eq!(tests.commands(Some(URL)), ["nextest run --run-ignored all"]);
        assert_eq!(tests.variables(Some(URL)), [("SIGNALPOST_TEST_POSTGRES", URL)]);
        assert_eq!(tests.commands(None), ["nextest run"]);
        assert_eq!(tests.variables(None), []);
    }

    #[test]
    fn a_step_that_runs_no_tests_is_the_same_with_postgresql_and_without() {
        let step = Step { variables: &[("RUSTDOCFLAGS", "-D warnings")], ..Step::new("documentation", &["doc"]) };
        for postgres in [Some(URL), None] {
            assert_eq!(step.commands(postgres), ["doc"]);
            assert_eq!(step.variables(postgres), [("RUSTDOCFLAGS", "-D warnings")]);
        }
    }
}
