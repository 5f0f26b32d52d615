//! What SQLite says, in our words where we have better ones.

use std::path::Path;

use crate::StoreError;
use crate::error::Kind;

impl StoreError {
    pub(super) fn old_library(version: &str, least: &str) -> Self {
        Self::new(
            Kind::OldLibrary,
            format!("SQLite {version} is linked; before {least} it can lose committed data (the WAL-reset bug)"),
            Some("pin libsqlite3-sys to 0.37 or newer, with its feature `bundled`"),
        )
    }

    pub(super) fn read_only(path: &Path) -> Self {
        Self::new(
            Kind::ReadOnly,
            format!("{} is read-only", path.display()),
            Some("a store writes: check the permissions of the file and of its directory"),
        )
    }

    pub(super) fn not_made(path: &Path) -> Self {
        let hint = "whoever opens the store is not to make them: make them beforehand, or check the path";
        Self::new(Kind::NoTables, format!("{} has no signalpost tables", path.display()), Some(hint))
    }

    pub(super) fn not_a_path(text: &str) -> Self {
        let hint = "a store is opened by the path of its file: leave out `sqlite:` and the slashes that belong to it";
        Self::new(Kind::BadPath, format!("`{text}` is a URL"), Some(hint))
    }

    pub(super) fn directory(path: &Path) -> Self {
        Self::new(Kind::BadPath, format!("{} is a directory", path.display()), Some("give the path of a file in it"))
    }

    pub(super) fn in_memory() -> Self {
        Self::new(
            Kind::BadPath,
            "an in-memory database cannot hold a store: each of its connections would see another one",
            Some("give a path; tests can take one in a temporary directory"),
        )
    }

    /// What SQLite says, in our words where we have better ones.
    pub(super) fn sqlite(path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::ffi::ErrorCode as Code;
        let file = path.display();
        let code = error.sqlite_error_code();
        match code {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::new(
                Kind::Locked,
                format!("{file} stayed locked by another writer"),
                Some(
                    "if this very task or thread holds a transaction there, send on it with send_in; otherwise \
                     look for a transaction that is kept open",
                ),
            ),
            Some(Code::DiskFull) => Self::new(
                Kind::Full,
                format!("no room left to write {file}"),
                Some("nothing was written; make room on the disk, the store goes on by itself"),
            ),
            Some(Code::ReadOnly) => Self::read_only(path),
            Some(Code::NotADatabase | Code::DatabaseCorrupt) => Self::new(
                Kind::NotAStore,
                format!("{file} is not a SQLite database, or is damaged: {error}"),
                Some("check the path; the file was not changed"),
            ),
            Some(Code::ConstraintViolation | Code::TooBig | Code::TypeMismatch) => {
                Self::new(Kind::Refused, format!("{file}: {error}"), None)
            }
            // Without its directory; else there were too many open files, for one.
            Some(Code::CannotOpen) => Self::new(
                if std::path::absolute(path).is_ok_and(|path| path.parent().is_some_and(Path::is_dir)) {
                    Kind::Other
                } else {
                    Kind::BadPath
                },
                format!("cannot open {file}: {error}"),
                Some("check that its directory exists, and create it first"),
            ),
            _ => Self::new(Kind::Other, format!("{file}: {error}"), None),
        }
    }
}
