//! What a process takes of the machine.

use std::fs;
use std::io;

/// As `/proc` tells it.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Vitals {
    /// Bytes in memory.
    pub(crate) memory: u64,
    pub(crate) files: u64,
    pub(crate) threads: u64,
}

impl Vitals {
    /// Of a process.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default()
        };
        let files = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        Ok(Self { memory: number("VmRSS:") * 1024, files: files as u64, threads: number("Threads:") })
    }

    /// Of several together.
    pub(crate) fn sum(pids: impl IntoIterator<Item = u32>) -> io::Result<Self> {
        pids.into_iter().try_fold(Self::default(), |sum, pid| {
            let Self { memory, files, threads } = Self::of(pid)?;
            Ok(Self { memory: sum.memory + memory, files: sum.files + files, threads: sum.threads + threads })
        })
    }
}
