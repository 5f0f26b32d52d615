//! What the store holds, and what its two workers remember.

use std::collections::BTreeMap;
use std::fmt;

use crate::protocol::Rules;
use crate::step::{Act, Verdict};

/// A worker's id, new at every start and after every lost lease: 0, 2, 4 … are worker A's, 1, 3, 5 … worker B's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u8);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lease {
    Valid,
    Expired,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Worker {
    pub id: Id,
    pub alive: bool,
    pub frozen: bool,
    /// It froze and has not renewed since.
    pub blind: bool,
    /// By its own clock its last renewal may still be believed.
    pub trusts: bool,
    /// A claim ended without an answer: it may have tasks that it does not know of.
    pub unsure: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Row {
    #[default]
    Waiting,
    Running(Id),
    Succeeded,
    Dead,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Task {
    pub row: Row,
    pub fence: u8,
    pub attempt: u8,
    pub deaths: u8,
    // From here on what no column holds, but promises speak of.
    pub failures: u8,
    pub releases: u8,
    pub starts: u8,
    pub ends: u8,
    pub newest_succeeded: bool,
    /// How often what its receiver writes was committed.
    pub effects: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The store has made the claim; its answer is on the way.
    Asked,
    Claimed,
    Started,
    /// To be reported until the store's answer is heard.
    Over(Verdict),
}

/// An attempt as the worker that claimed it remembers it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt {
    pub task: usize,
    pub id: Id,
    pub fence: u8,
    pub number: u8,
    pub phase: Phase,
    /// Its lease has expired since, or before.
    pub lapsed: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub rules: Rules,
    pub tasks: Vec<Task>,
    pub leases: BTreeMap<Id, Lease>,
    pub workers: [Worker; 2],
    pub attempts: Vec<Attempt>,
    /// How many kinds, each once: so runs have an end.
    most_faults: u32,
    pub faults: u8,
}

impl Id {
    pub fn owner(self) -> usize {
        usize::from(self.0 % 2)
    }

    pub fn next(self) -> Id {
        Id(self.0 + 2)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", ["A", "B"][self.owner()], self.0 / 2 + 1)
    }
}

impl Worker {
    pub fn new(id: Id) -> Self {
        Worker { id, alive: true, frozen: false, blind: false, trusts: true, unsure: false }
    }

    pub fn is_awake(&self) -> bool {
        self.alive && !self.frozen
    }
}

impl Task {
    pub fn is_over(&self) -> bool {
        matches!(self.row, Row::Succeeded | Row::Dead)
    }

    pub fn is_freed_from(&mut self, id: Id) {
        if self.row == Row::Running(id) {
            self.row = Row::Waiting;
            self.deaths += 1;
        }
    }

    pub fn finish(&mut self, verdict: Verdict) {
        let (row, count) = match verdict {
            Verdict::Success => (Row::Succeeded, &mut self.ends),
            Verdict::FailureForGood => (Row::Dead, &mut self.ends),
            Verdict::Failure => (Row::Waiting, &mut self.failures),
            Verdict::Release => (Row::Waiting, &mut self.releases),
            Verdict::Death => (Row::Waiting, &mut self.deaths),
        };
        self.row = row;
        *count += 1;
        self.attempt -= u8::from(verdict == Verdict::Release);
    }
}

impl State {
    pub fn new(rules: Rules, tasks: usize, most_faults: u32) -> Self {
        let workers = [0, 1].map(|n| Worker::new(Id(n)));
        let leases = workers.map(|w| (w.id, Lease::Valid)).into();
        let tasks = vec![Task::default(); tasks];
        State { rules, tasks, leases, workers, attempts: Vec::new(), most_faults, faults: 0 }
    }

    pub fn is_over(&self) -> bool {
        self.tasks.iter().all(Task::is_over)
    }

    /// When all tasks are over no fault begins; what has begun, such as a freeze, goes on.
    pub fn allows(&self, act: Act) -> bool {
        let fault = act.fault();
        fault == 0 || self.faults & fault == 0 && self.faults.count_ones() < self.most_faults && !self.is_over()
    }

    pub fn lease(&self, id: Id) -> Option<Lease> {
        self.leases.get(&id).copied()
    }

    pub fn receivers(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|a| a.phase == Phase::Started)
    }

    /// An id lives as long as its process, and as long as that process has taken no other.
    pub fn lives(&self, id: Id) -> bool {
        let worker = self.workers[id.owner()];
        worker.alive && worker.id == id
    }

    pub fn worker(&mut self, id: Id) -> &mut Worker {
        &mut self.workers[id.owner()]
    }

    pub fn begin(&mut self, id: Id) {
        self.leases.insert(id, Lease::Valid);
        *self.worker(id) = Worker::new(id);
    }

    pub fn forget(&mut self, attempt: Attempt) {
        self.attempts.retain(|a| *a != attempt);
    }

    pub fn enter(&mut self, phase: Phase, attempt: Attempt) {
        self.forget(attempt);
        self.attempts.push(Attempt { phase, ..attempt });
    }
}
