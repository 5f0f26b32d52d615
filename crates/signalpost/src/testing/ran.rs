//! What ran, and what became of it.

use std::fmt;
use std::ops::Deref;

use signalpost_store::{Outcome, Task, TaskId};

use super::is_named;

/// One run of a task. It is displayed as a line.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ran {
    /// The task.
    pub task: TaskId,
    /// The name of its signal.
    pub signal: String,
    /// The name of its receiver; `*` for a background signal's whole send.
    pub receiver: String,
    /// Which claim of the task this was, from 1.
    pub attempt: u32,
    /// The task in whose receiver it was sent.
    pub parent: Option<TaskId>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Ran {
    pub(super) fn new(task: &Task, outcome: Outcome) -> Self {
        Self {
            task: task.id,
            signal: task.signal.clone(),
            receiver: task.receiver.clone(),
            attempt: task.attempt,
            parent: task.parent,
            outcome,
        }
    }

    /// The receiver has run to success.
    pub fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Succeeded { .. })
    }

    /// It has not: the task waits for another attempt, or is dead.
    pub fn failed(&self) -> bool {
        !self.succeeded()
    }

    /// Why it failed.
    pub fn reason(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Dead { reason }
            | Outcome::Retry { reason, .. }
            | Outcome::Died { reason }
            | Outcome::Deferred { reason, .. } => Some(reason),
            Outcome::Succeeded { .. } | Outcome::Released => None,
        }
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, signal, receiver, attempt, outcome, .. } = self;
        write!(f, "#{task} {signal} → {receiver}, attempt {attempt}: ")?;
        match outcome {
            Outcome::Succeeded { result: None } => f.write_str("succeeded"),
            Outcome::Succeeded { result: Some(result) } => write!(f, "succeeded with {result}"),
            Outcome::Dead { reason } => write!(f, "dead: {reason}"),
            Outcome::Retry { after, reason } => write!(f, "failed, again in {after:?}: {reason}"),
            Outcome::Deferred { after, reason } => write!(f, "did not run, again in {after:?}: {reason}"),
            Outcome::Released => f.write_str("given back"),
            Outcome::Died { reason } => write!(f, "died: {reason}"),
        }
    }
}

/// As it is displayed: a failing assertion shows this.
impl fmt::Debug for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What ran, in order: a list of [`Ran`]. It is displayed with a line for each.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Runs(Vec<Ran>);

impl Runs {
    pub(super) fn push(&mut self, ran: Ran) {
        self.0.push(ran);
    }

    /// The runs of a receiver, by its name or by the last parts of its path.
    pub fn of(&self, receiver: &str) -> Vec<&Ran> {
        self.0.iter().filter(|ran| is_named(&ran.receiver, receiver)).collect()
    }

    /// Those that succeeded.
    pub fn succeeded(&self) -> Vec<&Ran> {
        self.0.iter().filter(|ran| ran.succeeded()).collect()
    }

    /// Those that did not.
    pub fn failed(&self) -> Vec<&Ran> {
        self.0.iter().filter(|ran| ran.failed()).collect()
    }

    /// That something ran, and that all of it succeeded.
    ///
    /// # Panics
    ///
    /// Otherwise, with what ran.
    #[track_caller]
    pub fn assert_succeeded(&self) {
        assert!(!self.is_empty(), "nothing was due, so nothing ran");
        assert!(self.iter().all(Ran::succeeded), "not all runs succeeded: {self}");
    }
}

impl Deref for Runs {
    type Target = [Ran];

    fn deref(&self) -> &[Ran] {
        &self.0
    }
}

impl IntoIterator for Runs {
    type Item = Ran;
    type IntoIter = std::vec::IntoIter<Ran>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            0 => f.write_str("nothing ran"),
            1 => f.write_str("1 run"),
            several => write!(f, "{several} runs"),
        }?;
        self.0.iter().try_for_each(|ran| write!(f, "\n  {ran}"))
    }
}

/// As it is displayed: a failing assertion shows this.
impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
