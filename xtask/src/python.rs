//! The Python half of the suite: one wheel, and the tests on each pair of Django and Python that is supported.

mod database;
mod environment;
mod interpreter;
mod pair;
mod peers;
mod sharing;
mod single;
mod wheel;
mod workshop;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use self::database::Database;
use self::environment::shown;
use self::interpreter::Interpreter;
use self::pair::{Pair, Pairs, Version};
use self::workshop::Workshop;
use crate::program::captured;
use crate::step::Outcome;

pub(crate) use self::single::{bench, tests_of};

/// What became of what.
type Named = (String, Outcome);

/// Builds the wheel and runs the tests on every pair, on SQLite and on PostgreSQL where there is one.
pub(crate) fn run(postgres: Option<&str>) -> Vec<Named> {
    let started = Instant::now();
    let pairs = match Pairs::read() {
        Ok(pairs) => pairs,
        Err(error) => return vec![failed("wheel", &error)],
    };
    let pythons = pythons(&pairs);
    let Some(newest) = pythons.values().next_back() else {
        let missing = pairs
            .all()
            .iter()
            .map(|pair| (pair.to_string(), could_not_run("there is no Python for it", all_have_to_run())));
        return missing.collect();
    };
    println!("\n== wheel: maturin build, with Python {}", newest.version);
    let workshop = match Workshop::open(newest) {
        Ok(workshop) => workshop,
        Err(error) => return vec![failed("wheel", &error)],
    };
    println!("{} after {} s", workshop.wheel().name(), started.elapsed().as_secs());
    let mut outcomes = vec![("wheel".to_owned(), Outcome::Passed)];
    let mut said = String::new();
    match workshop.lints(newest) {
        Ok(lints) => {
            // All of them, whatever the first one says.
            let passed = lints.map(|lint| said_of(&mut said, "Python lints", lint)).into_iter().all(|passed| passed);
            print!("{said}");
            outcomes.push(("Python lints".to_owned(), if passed { Outcome::Passed } else { Outcome::Failed }));
        }
        Err(error) => outcomes.push(failed("Python lints", &error)),
    }
    // The newest one first: it has the most to run.
    let remaining = Mutex::new(pairs.all().iter().copied().enumerate().rev());
    let done = Mutex::new(BTreeMap::new());
    // As a condition of the loop it would be locked while a pair runs.
    let next = || locked(&remaining).next();
    let work = || {
        while let Some((index, pair)) = next() {
            let outcomes = match pythons.get(&pair.python) {
                Some(python) => on_pair(&workshop, pair, python, pairs.runs_djangos_suites(pair), postgres),
                None => vec![missing(pair)],
            };
            locked(&done).insert(index, outcomes);
        }
    };
    thread::scope(|scope| {
        // Tests wait, for a database or a worker, about as long as they compute: one pair more than there are processors.
        for _ in 0..(thread::available_parallelism().map_or(1, usize::from) + 1).min(4) {
            scope.spawn(work);
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.extend(done.into_values().flatten());
    println!("\n== Python: everything took {} s", started.elapsed().as_secs());
    outcomes
}

/// One Python of each version that there is.
fn pythons(pairs: &Pairs) -> BTreeMap<Version, Interpreter> {
    let versions = pairs.pythons().into_iter();
    versions.filter_map(|version| Some((version, Interpreter::find(version)?))).collect()
}

/// Everything that is run on this pair. What is printed is printed at once, since several pairs run side by side.
fn on_pair(
    workshop: &Workshop,
    pair: Pair,
    python: &Interpreter,
    with_djangos_suites: bool,
    postgres: Option<&str>,
) -> Vec<Named> {
    let mut said = String::new();
    let environment = match workshop.environment(pair, python) {
        Ok(environment) => environment,
        Err(error) => return vec![failed(&pair.to_string(), &error)],
    };
    let mut outcomes = Vec::new();
    let mut passed = true;
    let databases = Database::all(postgres);
    for (number, database) in databases.iter().enumerate() {
        let tests = workshop.tests(&environment, *database, number > 0, &[]);
        passed &= said_of(&mut said, &format!("{pair} on {database}"), tests);
    }
    outcomes.push((pair.to_string(), outcome_of(passed, postgres)));
    if with_djangos_suites {
        let mut passed = true;
        for database in &databases {
            let name = format!("Django {}'s own suites on {database}", pair.django);
            passed &= match workshop.djangos_suites(&environment, *database) {
                Ok(suites) => said_of(&mut said, &name, suites),
                Err(error) => {
                    let _ = writeln!(said, "\n== {name}: failed:\n{error}");
                    false
                }
            };
        }
        outcomes.push((format!("Django {}'s own suites", pair.django), outcome_of(passed, postgres)));
    }
    print!("{said}");
    outcomes
}

/// Runs it, and adds what it printed: all of it if it failed, else its last line.
fn said_of(said: &mut String, name: &str, command: Command) -> bool {
    let started = Instant::now();
    let shown = shown(&command);
    let ended = captured(command);
    let seconds = started.elapsed().as_secs();
    let last_line = ended.output.trim_end().lines().next_back().unwrap_or_default();
    // A text takes whatever is written to it.
    let _ = if ended.succeeded {
        writeln!(said, "\n== {name}: {shown}\n{last_line}")
    } else {
        writeln!(said, "\n== {name}: {shown}\n{}\n== {name}: failed after {seconds} s: {shown}", ended.output)
    };
    ended.succeeded
}

/// Where all pairs have to run, one that ran without PostgreSQL has not.
fn outcome_of(passed: bool, postgres: Option<&str>) -> Outcome {
    match postgres {
        _ if !passed => Outcome::Failed,
        Some(_) => Outcome::Passed,
        None if all_have_to_run() => could_not_run("there is no PostgreSQL", true),
        None => Outcome::Passed,
    }
}

fn missing(pair: Pair) -> Named {
    let why = format!("Python {} was found neither in the PATH nor among pyenv's", pair.python);
    println!("\n== {pair}: did not run, {why}");
    (pair.to_string(), could_not_run(&why, all_have_to_run()))
}

/// A pair that is listed and does not run is a failure in continuous integration.
fn could_not_run(why: &str, has_to_run: bool) -> Outcome {
    if has_to_run {
        println!("== failed: {why}, and continuous integration has to run every pair on every database");
        Outcome::Failed
    } else {
        Outcome::Skipped(why.to_owned())
    }
}

fn all_have_to_run() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

fn failed(name: &str, error: &str) -> Named {
    println!("\n== {name}: failed:\n{error}");
    (name.to_owned(), Outcome::Failed)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_could_not_run_is_a_failure_only_where_all_have_to() {
        assert_eq!(could_not_run("no Python 3.10", true), Outcome::Failed);
        assert_eq!(could_not_run("no Python 3.10", false), Outcome::Skipped("no Python 3.10".to_owned()));
    }

    #[test]
    fn of_a_run_that_passed_the_last_line_is_shown_and_of_one_that_failed_everything() {
        let shell = |script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]);
            shell
        };
        let mut said = String::new();
        assert!(said_of(&mut said, "a pair", shell("echo dots; echo 3 passed")));
        assert_eq!(said, "\n== a pair: sh -c echo dots; echo 3 passed\n3 passed\n");
        let mut said = String::new();
        assert!(!said_of(&mut said, "a pair", shell("echo why; echo 1 failed; exit 1")));
        assert!(said.contains("\nwhy\n1 failed\n") && said.contains("== a pair: failed after 0 s"), "{said}");
    }
}
