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
    /// And with this, before the modules that are left out, where something that their tests need is not there.
    pub(crate) before_skips: &'static str,
    pub(crate) variables: &'static [(&'static str, &'static str)],
}

/// What the tests may use.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Servers<'a> {
    /// The URL of PostgreSQL.
    pub(crate) postgres: Option<&'a str>,
    /// The modules of the tests that need what is not there.
    pub(crate) skipped: &'a [&'static str],
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
        Self { name, needs: None, commands, with_postgres: None, before_skips: "", variables: &[] }
    }

    /// Runs all of its commands, whatever becomes of the first; with the URL of PostgreSQL, where there is one.
    pub(crate) fn run(&self, servers: Servers<'_>) -> Outcome {
        if let Some((need, hint)) = &self.needs
            && !need.is_there()
        {
            println!("\n== {}: skipped, {hint}", self.name);
            return Outcome::Skipped((*hint).to_owned());
        }
        let mut outcome = Outcome::Passed;
        for command in self.commands(servers) {
            println!("\n== {}: cargo {command}", self.name);
            if !cargo::run(command.split_whitespace(), &self.variables(servers.postgres)) {
                println!("== {}: failed: cargo {command}", self.name);
                outcome = Outcome::Failed;
            }
        }
        outcome
    }

    fn commands(&self, servers: Servers<'_>) -> Vec<String> {
        let ending = match self.with_postgres.filter(|_| servers.postgres.is_some()) {
            None => String::new(),
            Some(ending) => {
                let skips: String = servers.skipped.iter().map(|module| format!(" --skip {module}::")).collect();
                let before_skips = if skips.is_empty() { "" } else { self.before_skips };
                format!("{ending}{before_skips}{skips}")
            }
        };
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
    const ALL: Servers<'_> = Servers { postgres: Some(URL), skipped: &[] };
    const NONE: Servers<'_> = Servers { postgres: None, skipped: &["pgbouncer"] };

    #[test]
    fn where_there_is_postgresql_the_tests_that_need_it_are_run_and_told_where_it_is() {
        let tests = Step {
            with_postgres: Some(" --run-ignored all"),
            before_skips: " --",
            ..Step::new("tests", &["nextest run"])
        };
        assert_eq!(tests.commands(ALL), ["nextest run --run-ignored all"]);
        let without = Servers { skipped: &["pgbouncer", "namespaces"], ..ALL };
        assert_eq!(
            tests.commands(without),
            ["nextest run --run-ignored all -- --skip pgbouncer:: --skip namespaces::"]
        );
        assert_eq!(tests.variables(Some(URL)), [("SIGNALPOST_TEST_POSTGRES", URL)]);
        assert_eq!(tests.commands(NONE), ["nextest run"]);
        assert_eq!(tests.variables(None), []);
    }

    #[test]
    fn a_step_that_runs_no_tests_is_the_same_with_postgresql_and_without() {
        let step = Step { variables: &[("RUSTDOCFLAGS", "-D warnings")], ..Step::new("documentation", &["doc"]) };
        for servers in [ALL, NONE] {
            assert_eq!(step.commands(servers), ["doc"]);
            assert_eq!(step.variables(servers.postgres), [("RUSTDOCFLAGS", "-D warnings")]);
        }
    }
}
