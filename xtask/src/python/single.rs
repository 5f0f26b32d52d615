//! Single runs, by hand, on one pair of Django and Python.

use std::env;
use std::ffi::OsString;

use signalpost_postgres_server::{Server, TEST_POSTGRES};

use super::database::Database;
use super::environment::{Environment, shown};
use super::interpreter::Interpreter;
use super::pair::{Pair, Pairs};
use super::workshop::Workshop;
use crate::program::streamed;

/// Runs the tests of one pair with these arguments of pytest, the output streamed; true when all passed.
///
/// # Errors
///
/// What keeps them from being run.
pub(crate) fn tests_of(pair: Option<&str>, sqlite_only: bool, arguments: &[OsString]) -> Result<bool, String> {
    let place = Place::open(pair, false)?;
    let server = if sqlite_only { Postgres::none() } else { Postgres::find() };
    let mut passed = true;
    for (number, database) in Database::all(server.url()).into_iter().enumerate() {
        let tests = place.workshop.tests(&place.environment, database, number > 0, arguments);
        println!("\n== {} on {database}: {}", place.pair, shown(&tests));
        passed &= streamed(tests);
    }
    Ok(passed)
}

/// Measures on the newest pair; true unless that failed.
///
/// # Errors
///
/// What keeps it from being run.
pub(crate) fn bench(arguments: &[OsString]) -> Result<bool, String> {
    let place = Place::open(None, arguments.iter().any(|group| group == "worker"))?;
    let server = Postgres::find();
    eprintln!("== {}", place.pair);
    let mut bench = place.environment.command("python");
    bench.arg("python/bench").args(arguments);
    if let Some(url) = server.url() {
        bench.env(TEST_POSTGRES, url);
    }
    Ok(streamed(bench))
}

/// Where something is run.
struct Place {
    pair: Pair,
    workshop: Workshop,
    environment: Environment,
}

impl Place {
    fn open(pair: Option<&str>, with_peers: bool) -> Result<Self, String> {
        let pair = Pairs::read()?.named(pair)?;
        let python = Interpreter::find(pair.python);
        let python =
            python.ok_or_else(|| format!("Python {} was found neither in the PATH nor among pyenv's", pair.python))?;
        let workshop = Workshop::open(&python)?;
        let environment = match with_peers {
            true => workshop.environment_with_peers(pair, &python)?,
            false => workshop.environment(pair, &python)?,
        };
        Ok(Self { pair, workshop, environment })
    }
}

/// A server that runs already is as good as one of our own.
struct Postgres {
    url: Option<String>,
    /// It runs for as long as it is held.
    _own: Option<Server>,
}

impl Postgres {
    fn none() -> Self {
        Self { url: None, _own: None }
    }

    fn find() -> Self {
        if let Ok(url) = env::var(TEST_POSTGRES) {
            return Self { url: Some(url), _own: None };
        }
        match Server::start() {
            Ok(server) => Self { url: Some(server.url("postgres")), _own: Some(server) },
            Err(error) => {
                eprintln!("== PostgreSQL: skipped, {error}");
                Self::none()
            }
        }
    }

    fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}
