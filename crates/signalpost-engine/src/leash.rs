//! The step between the engine and a child: what only the process itself can set, and then exec.

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// How a child is to be tied to its engine. A hidden command of the executable, which the engine starts by itself.
#[derive(Debug, Args)]
pub struct Leash {
    /// The engine.
    #[arg(long)]
    parent: i32,
    /// The descriptors that the child is given, beside the standard streams. All others are closed.
    #[arg(long = "keep", value_name = "FD")]
    kept: Vec<RawFd>,
    /// What this process becomes.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Has the system kill this process when the engine dies, and becomes the child. Returns only if it cannot.
///
/// A process that sets this for itself needs no code between fork and exec. The setting outlives the exec, and an engine that
/// has died in between is not this process's parent any more.
pub fn hold(leash: &Leash) -> ExitCode {
    let tied = set_parent_process_death_signal(Some(Signal::KILL));
    if getppid().map(Pid::as_raw_pid) != Some(leash.parent) {
        return ExitCode::FAILURE;
    }
    close_all_but(&leash.kept);
    let Some((program, arguments)) = leash.command.split_first() else { return ExitCode::FAILURE };
    let error = match tied {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => error.into(),
    };
    let _ = writeln!(std::io::stderr(), "signalpost: cannot become `{}`: {error}", program.display());
    // As a shell says that a command could not be run.
    ExitCode::from(127)
}

/// Whatever the engine was given by whoever has started it, and did not know of, goes no further.
fn close_all_but(kept: &[RawFd]) {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<RawFd>().ok());
    // Collected first: the directory itself is one of them, and gone by then.
    let numbers: Vec<RawFd> = numbers.filter(|number| *number > 2 && !kept.contains(number)).collect();
    for number in numbers {
        let _ = nix::unistd::close(number);
    }
}
