//! What a worker asks for, and what it gets.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Task;

/// What a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The queues, in the order in which they are looked at, and how the limit is shared among them.
    pub queues: Vec<QueueShare>,
    /// How many tasks at most, of all queues together.
    pub limit: usize,
    /// Receivers of which only so many tasks are taken; the others are passed over. A store looks past so many of them
    /// only as keeps the claim short, so a long run of them in a queue hides what is behind it.
    pub limited: BTreeMap<String, usize>,
    /// True: one suspect and nothing else. For a worker that has nothing in hand.
    pub suspect: bool,
}

/// One queue's part of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueShare {
    /// The queue.
    pub queue: String,
    /// How many of its tasks are taken before the other queues' turn.
    pub share: usize,
    /// How many of its tasks are taken at most: what other queues leave of their shares goes to those that have more.
    pub most: usize,
}

impl ClaimRequest {
    /// Up to `limit` tasks of these queues, all of it from the first one if that has as many. No suspects.
    pub fn new<Q: Into<String>>(queues: impl IntoIterator<Item = Q>, limit: usize) -> Self {
        let all_of = |queue: Q| QueueShare { queue: queue.into(), share: limit, most: limit };
        Self::shared(queues.into_iter().map(all_of).collect(), limit)
    }

    /// Up to `limit` tasks of these queues by their shares. No suspects.
    pub fn shared(queues: Vec<QueueShare>, limit: usize) -> Self {
        Self { queues, limit, limited: BTreeMap::new(), suspect: false }
    }

    /// One suspect of these queues.
    pub fn suspect<Q: Into<String>>(queues: impl IntoIterator<Item = Q>) -> Self {
        Self { suspect: true, ..Self::new(queues, 1) }
    }
}

/// What a claim got.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Claim {
    /// The tasks, in the order in which they should be started.
    pub tasks: Vec<Task>,
    /// How long until the next waiting task of these queues is due, if `tasks` is short of the limit and there is
    /// one. Without suspects that are due (`suspect_is_due` tells of them), and without queues of which as many were
    /// taken as was asked for at most. Where receivers were limited, without tasks that are due.
    pub next_due: Option<Duration>,
    /// A suspect of these queues is due.
    pub suspect_is_due: bool,
    /// When the claim was made, in milliseconds since 1970 by the store's clock.
    pub now: i64,
}
