//! Kills workers, one after the other, and follows what becomes of their tasks.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use fastrand::Rng;
use signalpost::BoxError;

use crate::Entry;
use crate::crew::Runner;
use crate::fleet::Fleet;
use crate::recovery::Recovery;

/// What has not been taken up by then never will be.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// A worker that was killed, until its tasks are taken up.
struct Death {
    worker: String,
    /// What it held and is not under suspicion now.
    unsuspected: HashSet<i64>,
    at: Instant,
    waiting_after: Option<Duration>,
}

pub(crate) struct Killer {
    random: Rng,
    every: Duration,
    kill_at: Instant,
    deaths: Vec<Death>,
    /// What each killed process held.
    killed: HashMap<u32, HashSet<i64>>,
    /// How many were killed.
    pub(crate) kills: usize,
    pub(crate) recovery: Recovery,
}

impl Killer {
    /// Kills somebody so often, on average.
    pub(crate) fn new(every: Duration, seed: u64) -> Self {
        let (deaths, killed, kills, recovery) = Default::default();
        let (random, kill_at) = (Rng::with_seed(seed), Instant::now() + every);
        Self { random, every, kill_at, deaths, killed, kills, recovery }
    }

    /// To be called all the time. The one of `victims` that the kill hits is replaced by a new one on the same host.
    pub(crate) fn turn(&mut self, fleet: &Fleet, victims: &mut [Runner]) -> Result<(), BoxError> {
        self.follow(fleet)?;
        if Instant::now() < self.kill_at {
            return Ok(());
        }
        self.kill_at += self.every.mul_f64(0.5 + self.random.f64());
        let place = self.random.usize(..victims.len());
        let place = &mut victims[place];
        let replacement = fleet.start_worker(place.host.as_ref())?;
        let victim = std::mem::replace(place, replacement);
        let (pid, worker) = (victim.process.pid(), victim.workers().pop());
        victim.process.kill()?;
        self.kills += 1;
        // One that had not begun has left nothing.
        if let Some(worker) = worker {
            let (at, unsuspected) = (Instant::now(), fleet.unsuspected_of(&worker)?);
            self.killed.insert(pid, fleet.held_by(&worker)?);
            self.deaths.push(Death { worker, unsuspected, at, waiting_after: None });
        }
        Ok(())
    }

    /// Looks what has become of the tasks of those that were killed.
    pub(crate) fn follow(&mut self, fleet: &Fleet) -> Result<(), BoxError> {
        for mut death in std::mem::take(&mut self.deaths) {
            if death.at.elapsed() > LOST_AFTER {
                return Err(format!("worker {} was killed, and its tasks are not taken up", death.worker).into());
            }
            if death.waiting_after.is_none() && !fleet.has_lease(&death.worker)? {
                self.recovery.waiting_after.push(*death.waiting_after.insert(death.at.elapsed()));
            }
            if death.waiting_after.is_none() {
                self.deaths.push(death);
                continue;
            }
            match fleet.fate_of(&death.unsuspected, &death.worker)? {
                (true, _) => self.recovery.claimed_after.push(death.at.elapsed()),
                // What it had reported before it died was all that it held.
                (_, false) => {}
                _ => self.deaths.push(death),
            }
        }
        Ok(())
    }

    /// Tasks that were in the hands of the killed, in all.
    pub(crate) fn in_hand(&self) -> usize {
        self.killed.values().map(HashSet::len).sum()
    }

    /// Whether the run was in the hands of a process that was killed.
    pub(crate) fn explains(&self, run: &Entry) -> bool {
        self.killed.get(&run.pid).is_some_and(|held| held.contains(&run.task))
    }
}
