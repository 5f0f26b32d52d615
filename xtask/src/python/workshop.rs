//! What all pairs have in common: the tools, the wheel, and what is installed beside it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::database::Database;
use super::environment::{Environment, Tools, directory, succeed};
use super::interpreter::Interpreter;
use super::pair::Pair;
use super::peers;
use super::wheel::Wheel;

/// What the tests need beside the wheel and Django.
const REQUIREMENTS: &str = "python/tests/requirements.txt";
/// What the worker is measured against.
const PEERS: &str = "python/bench/requirements.txt";
const PROJECT: &str = "python/pyproject.toml";
const EXAMPLE: &str = "examples/newsroom-django";

/// What checks types. Others may find something else, and not only in what has changed. Not every Python that has tests has them.
const TYPES: [&str; 2] = ["mypy>=2.4,<2.5", "django-stubs>=6.1,<6.2"];

/// What says which wheel an environment has.
const WHEEL: &str = "wheel.txt";

/// Makes the environments of pairs, and runs tests in them.
#[derive(Debug)]
pub(crate) struct Workshop {
    tools: Tools,
    wheel: Wheel,
    /// What was said about dependencies: where it changes, environments are made anew.
    dependencies: String,
    root: PathBuf,
    /// Where tests are run.
    beside: PathBuf,
}

impl Workshop {
    /// With a wheel of what lies here.
    ///
    /// # Errors
    ///
    /// What was printed by what failed.
    pub(crate) fn open(interpreter: &Interpreter) -> Result<Self, String> {
        let dependencies = read(REQUIREMENTS)? + &read(PROJECT)?;
        let root = env::current_dir().map_err(|error| error.to_string())?;
        let tools = Tools::of(interpreter)?;
        let wheel = Wheel::build(&tools)?;
        let beside = directory()?.join("beside");
        lead(&beside, &root.join("python"))?;
        Ok(Self { tools, wheel, dependencies, root, beside })
    }

    pub(crate) fn wheel(&self) -> &Wheel {
        &self.wheel
    }

    /// What reads the code: its layout, what is wrong at first sight, and its types. `python/pyproject.toml` says what.
    ///
    /// # Errors
    ///
    /// What was printed by what failed.
    pub(crate) fn lints(&self, newest: &Interpreter) -> Result<[Command; 3], String> {
        let [layout, errors] = [&["format", "--check"][..], &["check"]].map(|arguments| {
            let mut ruff = self.tools.command("ruff");
            ruff.args(arguments).args(["--no-cache", "--quiet", "--config", PROJECT, "python", EXAMPLE]);
            ruff
        });
        let of_types = Environment::made_of(directory()?.join("types"), newest, &TYPES.join("\n"), |environment| {
            self.tools.install(environment, &TYPES)
        })?;
        let mut types = of_types.command("mypy");
        types.args(["--config-file", PROJECT, "--cache-dir"]).arg(directory()?.join("mypy")).arg("python/signalpost");
        Ok([layout, errors, types])
    }

    /// The environment of a pair, with this wheel in it.
    ///
    /// # Errors
    ///
    /// What was printed by what failed.
    pub(crate) fn environment(&self, pair: Pair, interpreter: &Interpreter) -> Result<Environment, String> {
        self.made(&pair.id(), pair, interpreter, &self.dependencies, &["--requirement", REQUIREMENTS])
    }

    /// One for the measurements of the worker, with this wheel in it, and with its peers as far as they can be had.
    ///
    /// # Errors
    ///
    /// What was printed by what failed.
    pub(crate) fn environment_with_peers(&self, pair: Pair, interpreter: &Interpreter) -> Result<Environment, String> {
        let name = format!("peers-{}", pair.id());
        let environment = self.made(&name, pair, interpreter, &read(PROJECT)?, &["psycopg[binary]>=3.2"])?;
        peers::install(&self.tools, &environment, &read(PEERS)?);
        Ok(environment)
    }

    fn made(
        &self,
        name: &str,
        pair: Pair,
        interpreter: &Interpreter,
        dependencies: &str,
        beside: &[&str],
    ) -> Result<Environment, String> {
        let wheel = self.wheel.file.to_string_lossy();
        let django = format!("django=={}.*", pair.django);
        let made_of = format!("{django}\n{dependencies}");
        let environment = Environment::made_of(directory()?.join(name), interpreter, &made_of, |environment| {
            self.tools.install(environment, &[&[&*wheel, &*django], beside].concat())?;
            environment.write_note(WHEEL, &self.wheel.hash)
        })?;
        if environment.note(WHEEL).is_none_or(|hash| hash != self.wheel.hash) {
            self.tools.install(&environment, &["--no-deps", "--force-reinstall", &wheel])?;
            environment.write_note(WHEEL, &self.wheel.hash)?;
        }
        Ok(environment)
    }

    /// The tests, on one database; `again`, those that have something to do with it.
    pub(crate) fn tests(
        &self,
        environment: &Environment,
        database: Database<'_>,
        again: bool,
        arguments: &[OsString],
    ) -> Command {
        let mut pytest = environment.command("pytest");
        pytest.current_dir(&self.beside).args(["-p", "no:cacheprovider"]).args(arguments);
        if again {
            pytest.env("SIGNALPOST_TEST_AGAIN", "1");
        }
        database.tell(&mut pytest);
        pytest
    }

    /// Django's own suites, on one database; those of the Django that is installed.
    ///
    /// # Errors
    ///
    /// What was printed while they were fetched.
    pub(crate) fn djangos_suites(&self, environment: &Environment, database: Database<'_>) -> Result<Command, String> {
        let mut python = environment.command("python");
        python.args(["-I", "-c", "import django; print(django.__version__)"]);
        let version = succeed(python)?.trim().to_owned();
        let suites = directory()?.join(format!("django-{version}"));
        let scripts = self.root.join("python/django_suites");
        if !suites.exists() {
            let mut fetch = self.tools.command("python");
            fetch.arg("-I").arg(scripts.join("fetch.py")).arg(&version).arg(&suites);
            succeed(fetch)?;
        }
        let mut run = environment.command("python");
        run.arg(scripts.join("run.py")).arg(&suites);
        database.tell(&mut run);
        Ok(run)
    }
}

/// Makes a directory whose links lead to the tests, and to nothing else that can be imported: so that it is the wheel that is
/// tested, and not what lies beside the tests.
fn lead(beside: &Path, python: &Path) -> Result<(), String> {
    fs::create_dir_all(beside).map_err(|error| format!("{}: {error}", beside.display()))?;
    for name in ["tests", "pyproject.toml"] {
        let link = beside.join(name);
        let _ = fs::remove_file(&link);
        symlink(python.join(name), &link).map_err(|error| format!("{}: {error}", link.display()))?;
    }
    Ok(())
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(Path::new(file)).map_err(|error| format!("{file}: {error}"))
}
