//! A disk that is full for a while.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use signalpost::{BoxError, StoreError};
use tempfile::TempDir;

use crate::Site;

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What a send on the full disk was told.
    pub told: String,
    /// Sends that were refused while the disk was full.
    pub refused: u32,
    /// Tasks that were sent, all of which have run.
    pub sent: usize,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sent {}, refused {}: {}", self.sent, self.refused, self.told)?;
        match &self.problems[..] {
            [] => write!(f, "what was sent has run, and the worker went on without a restart"),
            problems => write!(f, "PROBLEMS:\n{}", problems.join("\n")),
        }
    }
}

/// Runs the scenario: a worker is at work, the disk is filled, sends are refused, there is room again, and everything
/// that was accepted is done by the worker that was there all the time.
///
/// # Errors
///
/// When the file system cannot be mounted, which takes root, or the scenario cannot be carried out.
pub fn run(program: &Path) -> Result<Findings, BoxError> {
    let mut findings = Findings::default();
    let disk = Disk::mount()?;
    let site = Site::with_database_in(disk.path(), program, Duration::from_secs(30), Duration::from_millis(2))?;
    let worker = site.start()?;
    let mut sent = site.send(100)?;

    disk.fill()?;
    // What the files have room for is still accepted: the write-ahead log is reused.
    let mut accepted = 0;
    while findings.refused < 20 {
        match site.send_one(accepted) {
            Ok(()) => accepted += 1,
            Err(error) => {
                findings.refused += 1;
                findings.told = error.to_string();
                if !error.downcast_ref::<StoreError>().is_some_and(StoreError::is_full) {
                    findings.problems.push(format!("on a full disk a send was told: {error}"));
                }
            }
        }
        if accepted > 100_000 {
            return Err("the disk never filled up".into());
        }
    }
    disk.make_room()?;
    sent.extend(site.send(100)?);
    findings.sent = sent.len() + accepted as usize;

    site.until("everything that was accepted to be done", || Ok(site.finished()? >= findings.sent))?;
    if let Some(row) = site.history()?.iter().find(|row| row.state != "succeeded") {
        findings.problems.push(format!("task {} ended {}", row.task, row.state));
    }
    if site.finished()? != findings.sent {
        findings.problems.push("a send that was refused has left a task".to_owned());
    }
    findings.problems.extend(site.close([worker])?);
    Ok(findings)
}

/// A file system of 16 MiB: room for the database, and for the log that grows to 4 MiB before it is begun again.
struct Disk {
    directory: TempDir,
}

impl Disk {
    fn mount() -> Result<Self, BoxError> {
        let directory = tempfile::tempdir()?;
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(directory.path()).output()?;
        if !mount.status.success() {
            return Err(format!("cannot mount a small file system: {}", String::from_utf8_lossy(&mount.stderr)).into());
        }
        Ok(Self { directory })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    fn fill(&self) -> Result<(), BoxError> {
        let mut ballast = File::create(self.ballast())?;
        loop {
            match ballast.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn make_room(&self) -> io::Result<()> {
        fs::remove_file(self.ballast())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the database's own descriptors may still be open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
