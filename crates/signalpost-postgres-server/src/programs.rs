//! Where PostgreSQL's programs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ServerError;
use crate::install;

/// The oldest PostgreSQL that signalpost supports.
const LEAST: u32 = 15;

/// Where Debian keeps them: each version in a directory of its own, and none of them in the PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The programs of one version.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    directory: PathBuf,
    version: String,
}

impl Programs {
    /// The first that are new enough in the PATH, so that one can choose; else the newest of Debian's.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub(crate) fn find() -> Result<Self, ServerError> {
        let path = env::var_os("PATH").unwrap_or_default();
        // The programs may be links into the directory where all of them are.
        let linked = |directory: PathBuf| Some(fs::canonicalize(directory.join("pg_ctl")).ok()?.parent()?.to_owned());
        let in_path = env::split_paths(&path).filter_map(linked).find_map(|directory| Self::at(&directory));
        in_path.or_else(Self::newest_of_debian).ok_or_else(ServerError::missing)
    }

    /// As [`Programs::find`]; where there are none and this is root on Debian, they are installed.
    ///
    /// # Errors
    ///
    /// When there are none, and they cannot be installed.
    pub(crate) fn find_or_install() -> Result<Self, ServerError> {
        match Self::find() {
            Err(missing) if missing.is_missing() && install::is_possible() => {
                install::install().map_err(ServerError::not_installed)?;
                Self::find()
            }
            found => found,
        }
    }

    fn newest_of_debian() -> Option<Self> {
        let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
        versions.filter_map(|directory| Self::at(&directory)).max_by_key(|programs| major(&programs.version))
    }

    fn at(directory: &Path) -> Option<Self> {
        let said = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
        let version = version(&String::from_utf8_lossy(&said.stdout))?;
        (major(&version)? >= LEAST).then(|| Self { directory: directory.to_owned(), version })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn psql(&self) -> PathBuf {
        self.directory.join("psql")
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

/// What `postgres --version` says: `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
fn version(said: &str) -> Option<String> {
    Some(said.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?.to_owned())
}

fn major(version: &str) -> Option<u32> {
    version.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_postgres_says() {
        for (said, stated, number) in [
            ("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n", "15.13", 15),
            ("postgres (PostgreSQL) 9.6.24", "9.6.24", 9),
            ("postgres (PostgreSQL) 19beta1\n", "19beta1", 19),
        ] {
            let found = version(said).unwrap();
            assert_eq!((found.as_str(), major(&found)), (stated, Some(number)));
        }
        assert_eq!(version("postgres: command not found"), None);
    }
}
