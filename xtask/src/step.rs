//! One step of the suite.

use crate::{cargo, user};

/// Some commands of cargo that pass or fail together.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Where this is missing the step is skipped, with the hint.
    pub(crate) needs: Option<(Need, &'static str)>,
    /// What cargo is given, separated by spaces.
    pub(crate) commands: &'static [&'static str],
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
        Self { name, needs: None, commands, variables: &[] }
    }

    /// Runs all of its commands, whatever becomes of the first.
    pub(crate) fn run(&self) -> Outcome {
        if let Some((need, hint)) = &self.needs
            && !need.is_there()
        {
            println!("\n== {}: skipped, {hint}", self.name);
            return Outcome::Skipped((*hint).to_owned());
        }
        let mut outcome = Outcome::Passed;
        for command in self.commands {
            println!("\n== {}: cargo {command}", self.name);
            if !cargo::run(command.split_whitespace(), self.variables) {
                println!("== {}: failed: cargo {command}", self.name);
                outcome = Outcome::Failed;
            }
        }
        outcome
    }
}
