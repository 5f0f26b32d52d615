//! A process that a scenario has started.

use std::io;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

/// Ends with SIGKILL when this is dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Ends it with SIGKILL.
    ///
    /// # Errors
    ///
    /// When it cannot be.
    pub fn kill(mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }

    /// Stops it with SIGSTOP.
    ///
    /// # Errors
    ///
    /// When it cannot be.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Continues it.
    ///
    /// # Errors
    ///
    /// When it cannot be.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Asks it for a clean stop, and waits for that. True when it ended with 0.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    pub fn stop(self) -> io::Result<bool> {
        self.signal(Signal::TERM)?;
        self.end()
    }

    /// Waits for its end. True when it ended with 0.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn end(mut self) -> io::Result<bool> {
        Ok(self.0.wait()?.success())
    }

    /// Whether it has ended, in whichever way.
    ///
    /// # Errors
    ///
    /// When it cannot be asked.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
