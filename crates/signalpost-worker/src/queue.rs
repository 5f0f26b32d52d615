//! How one queue is served.

use std::time::Duration;

use crate::Rate;

/// A queue that a worker serves, and how.
///
/// ```
/// use signalpost_worker::{Queue, Rate};
///
/// let mail = Queue::new("mail").weight(3).concurrency(4).rate(Rate::per_second(20));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub(crate) name: String,
    pub(crate) weight: u32,
    pub(crate) concurrency: Option<usize>,
    pub(crate) rate: Option<Rate>,
    pub(crate) keep_ended: Option<Duration>,
    pub(crate) keep_dead: Option<Duration>,
    pub(crate) keeps_successes: bool,
}

impl Queue {
    /// The queue called `name`, with everything else at its default.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            weight: 1,
            concurrency: None,
            rate: None,
            keep_ended: None,
            keep_dead: None,
            keeps_successes: true,
        }
    }

    /// Its part of what the worker takes while several queues have tasks that are due, against the weights of the
    /// others. Default: 1. What a queue leaves of its part goes to the others.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// How many of its tasks run at once in this worker. Default: as many as the worker runs at all.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = Some(concurrency);
        self
    }

    /// How many of its tasks begin within a time, in this worker. Default: no limit.
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// How long its successes, and its tasks that were cancelled, have expired or were merged, stay in the history.
    /// Default: what the worker says for all queues.
    #[must_use]
    pub fn keep_ended(mut self, keep: Duration) -> Self {
        self.keep_ended = Some(keep);
        self
    }

    /// How long its dead tasks stay in the history. Default: what the worker says for all queues.
    #[must_use]
    pub fn keep_dead(mut self, keep: Duration) -> Self {
        self.keep_dead = Some(keep);
        self
    }

    /// Keeps no history of its successes: they are deleted as they end, which spares most of a finish. A success then
    /// leaves no trace, and a send with an id of the caller's own is idempotent only while its tasks are live. All
    /// workers that serve the queue should agree.
    #[must_use]
    pub fn without_successes(mut self) -> Self {
        self.keeps_successes = false;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        let name = &self.name;
        if name.is_empty() {
            return Some("a queue without a name: give it one, `default` for instance".to_owned());
        }
        if self.weight == 0 {
            return Some(format!("queue `{name}` has the weight 0 and would never be served: give at least 1"));
        }
        if self.concurrency == Some(0) {
            return Some(format!("queue `{name}` has the concurrency 0 and would never be served: give at least 1"));
        }
        self.rate.and_then(|rate| rate.problem()).map(|problem| format!("queue `{name}`: {problem}"))
    }
}

impl From<&str> for Queue {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Queue {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}
