//! Where measurements put their files.

use std::env;
use std::path::{Path, PathBuf};

use signalpost::BoxError;

const TMPFS: rustix::fs::FsWord = 0x0102_1994;

/// Where a commit costs a flush: the directory for temporary files, or where this program is.
pub(crate) fn disk() -> Result<PathBuf, BoxError> {
    let program = env::current_exe()?;
    let beside = program.parent().unwrap_or(Path::new(".")).to_owned();
    for directory in [env::temp_dir(), beside] {
        if rustix::fs::statfs(&directory)?.f_type != TMPFS {
            return Ok(directory);
        }
    }
    Err("no directory on a disk\n  hint: set TMPDIR to one that is not in memory".into())
}
