//! The Pythons of this machine.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::pair::Version;
use crate::program::captured;

/// A Python that can be run, and that can make virtual environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interpreter {
    pub(crate) program: PathBuf,
    /// With the patch: `3.13.0`.
    pub(crate) version: String,
}

/// Says which one it is, and fails where it cannot make environments. What a shim stands for is said by `sys.executable`.
const ASK: &str = "import sys, venv; print(sys.executable); print('%d.%d.%d' % sys.version_info[:3]); \
                   sys.exit(sys.implementation.name != 'cpython')";

impl Interpreter {
    /// One of this version: in the PATH by its name, the `python3` that is active, or one of pyenv's.
    pub(crate) fn find(version: Version) -> Option<Self> {
        let named = [format!("python{version}"), "python3".to_owned(), "python".to_owned()].map(PathBuf::from);
        named.into_iter().chain(of_pyenv(version)).find_map(|program| Self::ask(program, version))
    }

    fn ask(program: PathBuf, wanted: Version) -> Option<Self> {
        let mut python = Command::new(program);
        python.args(["-I", "-c", ASK]);
        let asked = captured(python);
        let found = Self::said(&asked.output)?;
        (asked.succeeded && found.is_of(wanted)).then_some(found)
    }

    fn said(output: &str) -> Option<Self> {
        let (program, version) = output.trim().split_once('\n')?;
        Some(Self { program: PathBuf::from(program), version: version.to_owned() })
    }

    fn is_of(&self, version: Version) -> bool {
        self.version.strip_prefix(&version.to_string()).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Those in pyenv's directory, the newest first.
fn of_pyenv(version: Version) -> Vec<PathBuf> {
    let root = env::var_os("PYENV_ROOT").map(PathBuf::from);
    let Some(root) = root.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".pyenv"))) else {
        return Vec::new();
    };
    let versions = root.join("versions");
    let entries = fs::read_dir(&versions).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    newest_first(names, version).into_iter().map(|name| versions.join(name).join("bin/python")).collect()
}

/// Of names like `3.13.0` those of this version. Those with letters are other Pythons, or builds of another kind.
fn newest_first(names: Vec<String>, version: Version) -> Vec<String> {
    let patch = |name: &str| name.strip_prefix(&format!("{version}."))?.parse::<u32>().ok();
    let mut found: Vec<String> = names.into_iter().filter(|name| patch(name).is_some()).collect();
    found.sort_by_key(|name| patch(name));
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_pyenvs_pythons_comes_first_and_other_builds_are_left_out() {
        let names =
            ["3.1.4", "3.13.0", "3.13.10", "3.13.9", "3.13t", "3.13.1t", "3.13-dev", "pypy3.10"].map(str::to_owned);
        let found = newest_first(names.into(), "3.13".parse().unwrap());
        assert_eq!(found, ["3.13.10", "3.13.9", "3.13.0"]);
    }

    #[test]
    fn a_python_is_of_the_version_that_it_says_itself() {
        let found = Interpreter::said("/usr/bin/python3\n3.11.2\n").unwrap();
        assert_eq!(found, Interpreter { program: "/usr/bin/python3".into(), version: "3.11.2".to_owned() });
        assert!(found.is_of("3.11".parse().unwrap()));
        assert!(!found.is_of("3.1".parse().unwrap()));
        assert_eq!(Interpreter::said("pyenv: python3.12: command not found"), None);
    }
}
