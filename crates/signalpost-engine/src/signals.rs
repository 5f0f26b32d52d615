//! The signals by which an engine is told what to do.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal means.
pub(crate) enum Heard {
    Stop,
    StopNow,
    Replace,
}

/// The signals that the engine listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hang_up: Signal,
    /// Not for itself: where it is ignored, as whoever starts the engine may have it, nobody can wait for a child.
    _child: Signal,
}

impl Signals {
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
            _child: signal(SignalKind::child())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::Stop,
            _ = self.interrupt.recv() => Heard::Stop,
            _ = self.quit.recv() => Heard::StopNow,
            _ = self.hang_up.recv() => Heard::Replace,
        }
    }

    /// The next one that stops.
    pub(crate) async fn stop(&mut self) {
        while matches!(self.next().await, Heard::Replace) {}
    }
}
