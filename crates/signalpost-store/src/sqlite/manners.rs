//! Leaving room for those who write to the same file.
//!
//! Whoever finds SQLite's write lock taken asks again after 1, 2, 5, 10, 15, 20, 25, … ms: nobody queues, and nobody is
//! seen to wait. A writer that always has work would take the lock again at once, and others would hardly ever find it
//! free. So it rests after every stretch of work: for as long as the stretch was, and 5 ms at least, while somebody else
//! commits to the file as well. Whoever asks then has found it free by their fourth try, after 8 ms. While nobody else is
//! seen to commit it rests less: enough for a first try now and then to succeed, which is what shows them. The moments
//! between its transactions in which the lock was free serve for that as well.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::watcher::data_version;

/// A stretch of work without a pause for others: a transaction under way is not cut short.
const STRETCH: Duration = Duration::from_millis(5);
/// The steps by which others ask again are as long as this at their fourth try.
const REST_AT_LEAST: Duration = Duration::from_millis(5);
/// Nobody who asks again every 100 ms needs more.
const REST_AT_MOST: Duration = Duration::from_millis(100);
/// While nobody else is seen: one part of rest for so many of work.
const WORK_TO_REST: u32 = 8;
/// How long somebody who has committed is expected to commit again.
const REMEMBERED: Duration = Duration::from_secs(2);

pub(super) struct Manners {
    // For how long the lock was held since the last rest, and for how long it was free in between.
    held: Duration,
    free: Duration,
    released_at: Option<Instant>,
    version: Option<i64>,
    neighbour_until: Option<Instant>,
}

impl Manners {
    pub(super) fn new(connection: &Connection) -> Self {
        Self {
            held: Duration::ZERO,
            free: Duration::ZERO,
            released_at: None,
            version: data_version(connection),
            neighbour_until: None,
        }
    }

    /// There is no work: others find the lock free.
    pub(super) fn pause(&mut self) {
        (self.held, self.free, self.released_at) = (Duration::ZERO, Duration::ZERO, None);
    }

    /// Rests if it is time, after a transaction that has held the lock for so long.
    pub(super) fn mind(&mut self, connection: &Connection, held: Duration) {
        let now = Instant::now();
        if let Some(released_at) = self.released_at {
            self.free += now.saturating_duration_since(released_at).saturating_sub(held);
        }
        (self.held, self.released_at) = (self.held + held, Some(now));
        if self.held < STRETCH {
            return;
        }
        // On a connection that writes it tells of the commits of others only.
        let version = data_version(connection);
        if version != self.version {
            (self.version, self.neighbour_until) = (version, Some(now + REMEMBERED));
        }
        let has_neighbour = self.neighbour_until.is_some_and(|until| now < until);
        // Who asks again needs one long rest; for a first try many short ones are as good.
        let rest = if has_neighbour {
            self.held.max(REST_AT_LEAST)
        } else {
            (self.held / WORK_TO_REST).saturating_sub(self.free)
        };
        if !rest.is_zero() {
            thread::sleep(rest.min(REST_AT_MOST));
        }
        self.pause();
    }
}
