//! Environments hold the same files many times over: each Django is in several, and most of what the tests need is in all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What is smaller is not worth a link.
const WORTH_IT: u64 = 4096;

/// Replaces the packages' files by links to equal ones in other environments. Whoever installs something else there makes new
/// files, so none of them is written to.
pub(crate) fn share(environment: &Path, others: &[PathBuf]) {
    let Some(packages) = packages_of(environment) else { return };
    let others: Vec<PathBuf> = others.iter().filter_map(|other| packages_of(other)).collect();
    share_below(&packages, &others);
}

/// `lib/python3.13/site-packages`.
fn packages_of(environment: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(environment.join("lib")).ok()?.flatten();
    versions.map(|version| version.path().join("site-packages")).find(|packages| packages.is_dir())
}

fn share_below(directory: &Path, others: &[PathBuf]) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let there: Vec<PathBuf> = others.iter().map(|other| other.join(entry.file_name())).collect();
        if metadata.is_dir() {
            share_below(&entry.path(), &there);
        } else if metadata.is_file() && metadata.len() >= WORTH_IT {
            // What cannot be shared takes its place on the disk, and that is all.
            let _ = there.iter().find(|other| link(&entry.path(), other).unwrap_or(false));
        }
    }
}

/// Makes the file a link to the other one if both are equal; true when it did.
fn link(file: &Path, other: &Path) -> io::Result<bool> {
    if fs::metadata(other)?.len() != fs::metadata(file)?.len() || fs::read(other)? != fs::read(file)? {
        return Ok(false);
    }
    // Made beside it first, so that there is a file at any time.
    let link = file.with_extension("link");
    fs::hard_link(other, &link)?;
    fs::rename(&link, file)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn environment(root: &Path, python: &str, files: &[(&str, &str)]) -> PathBuf {
        let environment = root.join(python);
        for (name, text) in files {
            let file = environment.join("lib").join(python).join("site-packages").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text.repeat(WORTH_IT as usize)).unwrap();
        }
        environment
    }

    #[test]
    fn equal_files_of_another_python_are_shared_and_others_are_left() {
        let root = tempfile::tempdir().unwrap();
        let older = environment(root.path(), "python3.12", &[("django/db.py", "a"), ("django/apps.py", "b")]);
        let newer = environment(root.path(), "python3.13", &[("django/db.py", "a"), ("django/apps.py", "c")]);
        share(&newer, std::slice::from_ref(&older));
        let inode = |environment: &Path, name: &str| {
            let file = packages_of(environment).unwrap().join("django").join(name);
            fs::metadata(file).unwrap().ino()
        };
        assert_eq!(inode(&older, "db.py"), inode(&newer, "db.py"));
        assert_ne!(inode(&older, "apps.py"), inode(&newer, "apps.py"));
        let left: Vec<_> = fs::read_dir(packages_of(&newer).unwrap().join("django")).unwrap().flatten().collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert_eq!(fs::read(left[0].path()).unwrap().len() as u64, WORTH_IT);
    }

    #[test]
    fn an_environment_that_is_not_there_shares_nothing() {
        let root = tempfile::tempdir().unwrap();
        let only = environment(root.path(), "python3.13", &[("django/db.py", "a")]);
        share(&only, &[root.path().join("missing")]);
        share(&root.path().join("missing"), &[only]);
    }
}
