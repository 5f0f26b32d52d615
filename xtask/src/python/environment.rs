//! Virtual environments below the target directory. They are used again while what they were made of has not changed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::interpreter::Interpreter;
use super::sharing::share;
use crate::program::captured;

/// Where everything about Python is kept.
///
/// # Errors
///
/// When this program does not know where it lies.
pub(crate) fn directory() -> Result<PathBuf, String> {
    // It lies in `target/debug`, wherever `target` is.
    let program = env::current_exe().map_err(|error| format!("the target directory: {error}"))?;
    let target = program.ancestors().nth(2).ok_or("this program does not lie in a target directory")?;
    Ok(target.join("python"))
}

/// A virtual environment.
#[derive(Debug)]
pub(crate) struct Environment {
    directory: PathBuf,
}

/// What says of what it was made.
const MADE_OF: &str = "made-of.txt";

impl Environment {
    /// The one in this directory. Unless it is there and was made of the same, it is made anew and filled.
    ///
    /// # Errors
    ///
    /// What was printed by what failed.
    pub(crate) fn made_of(
        directory: PathBuf,
        interpreter: &Interpreter,
        made_of: &str,
        fill: impl FnOnce(&Self) -> Result<(), String>,
    ) -> Result<Self, String> {
        let environment = Self { directory };
        let made_of = format!("{} {}\n{made_of}", interpreter.program.display(), interpreter.version);
        if environment.note(MADE_OF).is_some_and(|before| before == made_of) {
            return Ok(environment);
        }
        let shown = environment.directory.display();
        if environment.directory.exists() {
            fs::remove_dir_all(&environment.directory).map_err(|error| format!("{shown}: {error}"))?;
        }
        let mut python = Command::new(&interpreter.program);
        // pip is that of the tools: a copy in each environment would cost a quarter of it.
        python.args(["-I", "-m", "venv", "--without-pip"]).arg(&environment.directory);
        succeed(python)?;
        fill(&environment)?;
        share(&environment.directory, &complete_beside(&environment.directory));
        // Written last: what was interrupted is made anew.
        environment.write_note(MADE_OF, &made_of)?;
        Ok(environment)
    }

    /// One of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join("bin").join(name)
    }

    /// A command of one of its programs, without what the caller's own Python is told.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        for variable in ["PYTHONPATH", "PYTHONHOME", "DJANGO_SETTINGS_MODULE"] {
            command.env_remove(variable);
        }
        command.env("VIRTUAL_ENV", &self.directory);
        command
    }

    /// What was written down about it.
    pub(crate) fn note(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(name)).ok()
    }

    /// Writes something down about it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn write_note(&self, name: &str, text: &str) -> Result<(), String> {
        let file = self.directory.join(name);
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// The environments in the same directory that are complete.
fn complete_beside(directory: &Path) -> Vec<PathBuf> {
    let beside = directory.parent().and_then(|parent| fs::read_dir(parent).ok()).into_iter().flatten().flatten();
    beside.map(|entry| entry.path()).filter(|path| path.join(MADE_OF).exists()).collect()
}

/// Runs it.
///
/// # Errors
///
/// What it printed, after what it was, unless it succeeded.
pub(crate) fn succeed(command: Command) -> Result<String, String> {
    let what = shown(&command);
    let ended = captured(command);
    if ended.succeeded { Ok(ended.output) } else { Err(format!("{what}\n{}", ended.output)) }
}

/// A command as it would be typed.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// pip for all environments, what builds the wheel, and what reads the code.
#[derive(Debug)]
pub(crate) struct Tools(Environment);

/// What the wheel is built with: `python/pyproject.toml` names it as well.
const MATURIN: &str = "maturin>=1.9.4,<2";
/// Another one may lay the code out in another way.
const RUFF: &str = "ruff>=0.17,<0.18";

impl Tools {
    /// Those of this Python.
    ///
    /// # Errors
    ///
    /// What was printed by what failed.
    pub(crate) fn of(interpreter: &Interpreter) -> Result<Self, String> {
        let made_of = format!("{MATURIN}\n{RUFF}");
        let environment = Environment::made_of(directory()?.join("tools"), interpreter, &made_of, |tools| {
            let mut pip = tools.command("python");
            pip.args(["-I", "-m", "ensurepip", "--default-pip"]);
            succeed(pip)?;
            let mut pip = tools.command("python");
            pip.args(["-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", MATURIN, RUFF]);
            succeed(pip).map(drop)
        })?;
        Ok(Self(environment))
    }

    /// One of their programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.program(name)
    }

    /// A command of one of them.
    pub(crate) fn command(&self, name: &str) -> Command {
        self.0.command(name)
    }

    /// Installs into an environment. Nothing is compiled ahead of its use: most of it is never imported.
    ///
    /// # Errors
    ///
    /// What pip says.
    pub(crate) fn install(&self, environment: &Environment, what: &[&str]) -> Result<(), String> {
        let mut pip = self.command("python");
        pip.args(["-I", "-m", "pip", "--disable-pip-version-check", "--python"]).arg(environment.program("python"));
        pip.args(["install", "--quiet", "--no-compile"]).args(what);
        succeed(pip).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_the_directory_of_its_program() {
        let mut command = Command::new("/target/python/tools/bin/maturin");
        command.args(["build", "--release"]);
        assert_eq!(shown(&command), "maturin build --release");
    }

    #[test]
    fn the_directory_is_below_the_target_directory() {
        // Tests lie one directory deeper than this program.
        assert!(directory().unwrap().ends_with("debug/python"));
    }
}
