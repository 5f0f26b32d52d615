//! Waiting for writes to the database's log, without asking for them.

use std::path::Path;
use std::time::Duration;

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Somebody has written to the log: a commit may be on its way.
    Write,
    /// The bell, or the end of the time.
    Else,
}

/// Where the log of a database is.
fn log_of(database: &Path) -> std::path::PathBuf {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// The system tells of writes to a file.
#[cfg(target_os = "linux")]
mod system {
    use super::{Duration, Path, Woken, log_of};
    use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
    use rustix::fd::{AsFd, OwnedFd};
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use rustix::io;

    #[derive(Debug)]
    pub(in super::super) struct Alarm {
        bell: OwnedFd,
        // None where the file system does not take part.
        log: Option<OwnedFd>,
    }

    impl Alarm {
        /// For a database whose log is there, as it is while a connection has read.
        pub(in super::super) fn of(database: &Path) -> std::io::Result<Self> {
            let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            Ok(Self { bell, log: watch(&log_of(database)).ok() })
        }

        pub(in super::super) fn sees_writes(&self) -> bool {
            self.log.is_some()
        }

        pub(in super::super) fn ring(&self) {
            // It can only fail when it has been rung 2^64 times without being heard.
            let _ = io::write(&self.bell, &1_u64.to_ne_bytes());
        }

        /// Until the bell rings or the time is over.
        pub(in super::super) fn wait(&self, at_most: Option<Duration>) {
            wait_for(&mut [PollFd::new(&self.bell, PollFlags::IN)], at_most);
            drain(&self.bell);
        }

        /// Until somebody writes to the log, the bell rings or the time is over.
        pub(in super::super) fn wait_for_write(&self, at_most: Duration) -> Woken {
            let Some(log) = &self.log else {
                self.wait(Some(at_most));
                return Woken::Else;
            };
            let mut both = [PollFd::new(&self.bell, PollFlags::IN), PollFd::new(log, PollFlags::IN)];
            wait_for(&mut both, Some(at_most));
            let woken = if both[1].revents().is_empty() { Woken::Else } else { Woken::Write };
            drain(&self.bell);
            drain(log);
            woken
        }
    }

    fn watch(log: &Path) -> io::Result<OwnedFd> {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&events, log, WatchFlags::MODIFY)?;
        Ok(events)
    }

    fn wait_for(any: &mut [PollFd<'_>], at_most: Option<Duration>) {
        let at_most = at_most.and_then(|at_most| Timespec::try_from(at_most).ok());
        // A wait that a signal has cut short is made again by the caller, who loops.
        let _ = poll(any, at_most.as_ref());
    }

    /// Takes what is there to be read, so that the next wait waits.
    fn drain(from: impl AsFd) {
        let mut read = [0; 4096];
        while io::read(&from, &mut read).is_ok_and(|length| length == read.len()) {}
    }
}

/// The log is asked for.
#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Duration, Path, Woken};
    use std::sync::{Condvar, Mutex, PoisonError};

    #[derive(Debug, Default)]
    pub(in super::super) struct Alarm {
        rung: Mutex<bool>,
        bell: Condvar,
    }

    impl Alarm {
        pub(in super::super) fn of(_database: &Path) -> std::io::Result<Self> {
            Ok(Self::default())
        }

        pub(in super::super) fn sees_writes(&self) -> bool {
            false
        }

        pub(in super::super) fn ring(&self) {
            *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.bell.notify_all();
        }

        pub(in super::super) fn wait(&self, at_most: Option<Duration>) {
            let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
            let at_most = at_most.unwrap_or(Duration::MAX);
            let waited = self.bell.wait_timeout_while(rung, at_most, |rung| !*rung);
            *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
        }

        pub(in super::super) fn wait_for_write(&self, at_most: Duration) -> Woken {
            self.wait(Some(at_most));
            Woken::Else
        }
    }
}

pub(super) use system::Alarm;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    #[test]
    fn a_write_to_the_log_is_told_and_an_old_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        let mut log = fs::File::create(log_of(&database)).unwrap();
        let alarm = Alarm::of(&database).unwrap();
        assert!(alarm.sees_writes());
        log.write_all(b"frame").unwrap();
        log.write_all(b"frame").unwrap();
        assert_eq!(alarm.wait_for_write(Duration::from_secs(60)), Woken::Write);
        alarm.ring();
        assert_eq!(alarm.wait_for_write(Duration::from_secs(60)), Woken::Else);
        assert_eq!(alarm.wait_for_write(Duration::ZERO), Woken::Else);
    }
}
