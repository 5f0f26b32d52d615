//! Locks that a worker's death releases: `flock` on a file of its own, beside the database.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::WorkerId;

/// Where the lock files are: a directory named after the database, with `-workers` behind it.
#[derive(Debug, Clone)]
pub(super) struct LockDirectory(PathBuf);

/// A lock file that is held. The kernel releases it when the process ends, however it ends; descriptors are closed
/// on exec, so children do not keep it.
#[derive(Debug)]
pub(super) struct WorkerLock {
    name: String,
    path: PathBuf,
    _held: File,
}

impl LockDirectory {
    pub(super) fn beside(database: &Path) -> Self {
        let mut name = database.as_os_str().to_owned();
        name.push("-workers");
        Self(PathBuf::from(name))
    }

    /// Takes the lock of a new worker. `None` where locks do not hold, which a second descriptor finds out: some
    /// network file systems grant them to everybody. Then leases alone tell the living from the dead.
    pub(super) fn take(&self, worker: &WorkerId) -> Option<WorkerLock> {
        let taken = self.try_take(worker);
        match &taken {
            Ok(None) => tracing::warn!(
                target: "signalpost::store", directory = %self.0.display(),
                "file locks do not hold here: a worker's death is noticed when its lease has expired"
            ),
            Err(error) => tracing::warn!(
                target: "signalpost::store", directory = %self.0.display(), %error,
                "no lock file for this worker: its death is noticed when its lease has expired"
            ),
            Ok(Some(_)) => {}
        }
        taken.ok().flatten()
    }

    fn try_take(&self, worker: &WorkerId) -> std::io::Result<Option<WorkerLock>> {
        fs::create_dir_all(&self.0)?;
        let name = format!("{worker}.lock");
        let path = self.0.join(&name);
        let held = OpenOptions::new().create_new(true).write(true).open(&path)?;
        let holds = held.try_lock().is_ok() && matches!(File::open(&path)?.try_lock(), Err(TryLockError::WouldBlock));
        if !holds {
            fs::remove_file(&path)?;
            return Ok(None);
        }
        Ok(Some(WorkerLock { name, path, _held: held }))
    }

    /// Takes the lock called `name` if its worker has let go of it. A file that is missing says nothing.
    pub(super) fn take_if_free(&self, name: &str) -> Option<WorkerLock> {
        // The name comes from a row, and must not lead elsewhere.
        if name.contains(['/', '\\']) || name.starts_with('.') {
            return None;
        }
        let path = self.0.join(name);
        let held = File::open(&path).ok()?;
        held.try_lock().ok()?;
        Some(WorkerLock { name: name.to_owned(), path, _held: held })
    }
}

impl WorkerLock {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Removes the file. It may be gone already.
    pub(super) fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_once_its_holder_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let locks = LockDirectory::beside(&directory.path().join("app.db"));
        let lock = locks.take(&WorkerId::random()).unwrap();
        let name = lock.name().to_owned();
        assert!(locks.take_if_free(&name).is_none());
        drop(lock);
        locks.take_if_free(&name).unwrap().remove();
        assert!(locks.take_if_free(&name).is_none(), "a missing file says nothing");
    }

    #[test]
    fn a_lock_name_cannot_lead_out_of_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("other.lock"), "").unwrap();
        let locks = LockDirectory::beside(&directory.path().join("app.db"));
        fs::create_dir_all(&locks.0).unwrap();
        assert!(locks.take_if_free("../other.lock").is_none());
        assert!(locks.take_if_free("..").is_none());
    }
}
