//! What can be done to a server while others work with it.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use signalpost::BoxError;

use crate::fleet::Fleet;

/// Of the backends that are terminated one by one, all together so often.
const ALL_AT_ONCE_EVERY: usize = 20;

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Disturbance {
    /// The sessions that listen are terminated, and again when they are all back, so often.
    Deafness(u32),
    /// The server is restarted in good order, so often: sessions end with an error that says so.
    Restarts(u32),
    /// As [`Disturbance::Restarts`], after a crash.
    Crashes(u32),
    /// A backend is terminated so often, for so long; now and then all of them.
    Terminations {
        /// Between two of them.
        every: Duration,
        /// In all.
        during: Duration,
    },
    /// The server is away for so long.
    Absence(Duration),
}

impl Disturbance {
    /// How long nobody could renew a lease, at least.
    pub(crate) fn outage(&self) -> Duration {
        match self {
            Disturbance::Absence(duration) => *duration,
            _ => Duration::ZERO,
        }
    }

    /// Does it, and waits until it is over: from then on everything is as it was.
    pub(crate) fn inflict(&self, fleet: &Fleet, listeners: usize, random: &mut Rng) -> Result<(), BoxError> {
        let server = fleet.server();
        match *self {
            Disturbance::Deafness(times) => {
                for _ in 0..times {
                    let ended = fleet.listeners()?;
                    fleet.terminate(&ended)?;
                    fleet.until("everybody to listen again", || {
                        let listening = fleet.listeners()?;
                        Ok(listening.len() >= listeners && !listening.iter().any(|pid| ended.contains(pid)))
                    })?;
                }
            }
            Disturbance::Restarts(times) => {
                for time in 0..times {
                    wait_for_work(fleet, time)?;
                    server.restart()?;
                }
            }
            Disturbance::Crashes(times) => {
                for time in 0..times {
                    wait_for_work(fleet, time)?;
                    server.crash()?;
                    server.restart()?;
                }
            }
            Disturbance::Terminations { every, during } => {
                let began = Instant::now();
                for turn in 1.. {
                    let backends = fleet.backends()?;
                    if turn % ALL_AT_ONCE_EVERY == 0 {
                        fleet.terminate(&backends)?;
                    } else if !backends.is_empty() {
                        fleet.terminate(&[backends[random.usize(..backends.len())]])?;
                    }
                    let next = every * u32::try_from(turn)?;
                    if next >= during {
                        break;
                    }
                    thread::sleep(next.saturating_sub(began.elapsed()));
                }
            }
            Disturbance::Absence(duration) => {
                server.stop()?;
                thread::sleep(duration);
                server.restart()?;
            }
        }
        Ok(())
    }
}

/// Between two restarts something is done.
fn wait_for_work(fleet: &Fleet, time: u32) -> Result<(), BoxError> {
    if time == 0 {
        return Ok(());
    }
    let newest = i64::try_from(fleet.newest()?)?;
    fleet.until("work to be done again", || fleet.has_ended_beyond(newest)).map(drop)
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disturbance::Deafness(times) => write!(f, "the sessions that listen are terminated, {times} times"),
            Disturbance::Restarts(times) => write!(f, "the server is restarted, {times} times"),
            Disturbance::Crashes(times) => write!(f, "the server crashes, {times} times"),
            Disturbance::Terminations { every, during } => {
                write!(f, "a backend is terminated every {every:?} for {during:?}, now and then all of them")
            }
            Disturbance::Absence(duration) => write!(f, "the server is away for {duration:?}"),
        }
    }
}
