//! A child as a process: started, waited for, killed with its group.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::page::Page;

/// How children are started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// The executable that has the hidden command `leash`.
    pub(crate) leash: OsString,
    pub(crate) slots: usize,
}

/// A process that was started. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    /// True when the process has ended, and its number is not free again.
    ended: watch::Receiver<bool>,
}

impl Launch {
    /// Starts a child. To be called by the thread that lives as long as the engine: the system kills a child when the
    /// *thread* dies that has started it.
    pub(crate) fn start(&self) -> io::Result<(Process, UnixStream, Page)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let ours = UnixStream::from_std(ours)?;
        let page = Page::new(self.slots)?;
        let mut command = Command::new(&self.leash);
        command.arg("leash").arg(format!("--parent={}", std::process::id()));
        let (socket_fd, page_fd) = (theirs.as_raw_fd(), page.as_fd().as_raw_fd());
        command.arg(format!("--keep={socket_fd}")).arg(format!("--keep={page_fd}"));
        command.arg("--").args(&self.command);
        command.arg(format!("--socket-fd={socket_fd}")).arg(format!("--page-fd={page_fd}"));
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        // Nobody else starts processes here, so nobody else's child inherits them.
        fcntl_setfd(&theirs, FdFlags::empty())?;
        fcntl_setfd(&page, FdFlags::empty())?;
        let child = command.spawn();
        fcntl_setfd(&page, FdFlags::CLOEXEC)?;
        let child = child?;
        let number = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pid = number.ok_or_else(|| io::Error::other("it has no number"))?;
        Ok((Process { child, pid, ended: end_of(pid)? }, ours, page))
    }
}

impl Process {
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    /// Completes when the process has ended; its group may live on.
    pub(crate) async fn ended(&self) {
        // An error says that nobody waits any more.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// Kills the process and everything that it has started in its group, stopped ones too.
    pub(crate) fn kill(&self) {
        // An error says that there is nobody left. The number is not free before `reap`.
        let _ = kill_process_group(self.pid, Signal::KILL);
    }

    /// Waits for the end, and takes it off the system's table.
    pub(crate) async fn reap(mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

/// Waits for the process's end without taking it off the system's table: its number stays taken, so that nobody else's group is
/// killed in its place. It takes a thread.
fn end_of(pid: Pid) -> io::Result<watch::Receiver<bool>> {
    let (end, ended) = watch::channel(false);
    let wait = move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        end.send_replace(true);
    };
    std::thread::Builder::new().name("child".to_owned()).stack_size(64 << 10).spawn(wait)?;
    Ok(ended)
}

/// How a process ended, for a person to read.
pub(crate) fn described(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => match name(signal) {
            Some(name) => format!("killed by signal {signal} ({name})"),
            None => format!("killed by signal {signal}"),
        },
        (None, None) => status.to_string(),
    }
}

fn name(signal: i32) -> Option<&'static str> {
    let names = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
    ];
    names.into_iter().find_map(|(known, name)| (known.as_raw() == signal).then_some(name))
}

/// How much memory a process has in use, in bytes. `None` where the system does not say.
pub(crate) fn resident_memory(pid: i32) -> Option<u64> {
    let sizes = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = sizes.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(rustix::param::page_size() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_described_as_a_person_would() {
        assert_eq!(described(ExitStatus::from_raw(3 << 8)), "exited with status 3");
        assert_eq!(described(ExitStatus::from_raw(9)), "killed by signal 9 (SIGKILL)");
        assert_eq!(described(ExitStatus::from_raw(11)), "killed by signal 11 (SIGSEGV)");
        assert_eq!(described(ExitStatus::from_raw(64)), "killed by signal 64");
    }

    #[test]
    fn the_memory_of_this_process_is_seen() {
        let here = i32::try_from(std::process::id()).unwrap();
        assert!(resident_memory(here).is_some_and(|bytes| bytes > 1 << 16));
        assert_eq!(resident_memory(-1), None);
    }
}
