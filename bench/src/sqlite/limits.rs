//! What a worker that drains must never exceed, looked at from outside.

use std::sync::Arc;

use rusqlite::Connection;
use signalpost::BoxError;

use crate::ping::{Runs, nanos};

/// A worker holds at most 1,000 tasks that have not ended, so no more of them can wait for their start; and as many as
/// run at once may have begun without having said so.
pub(super) const AHEAD_AT_MOST: usize = 1_000 + 32;
/// Nothing begins while so many run or have run without the store having answered.
pub(super) const UNREPORTED_AT_MOST: usize = 512;

/// Looks at the database while a worker drains it. Every task's number must be its row's.
pub(super) struct Limits {
    connection: Connection,
    runs: Arc<Runs>,
    /// The most tasks that were seen claimed and not started.
    pub(super) ahead: usize,
    /// The most tasks that were seen to have run and still be live.
    pub(super) unreported: usize,
}

impl Limits {
    pub(super) fn new(connection: Connection, runs: Arc<Runs>) -> Self {
        Self { connection, runs, ahead: 0, unreported: 0 }
    }

    /// Looks once. Neither number can come out too large, as the one only gets smaller after the look and the other
    /// only larger before it.
    pub(super) fn look(&mut self) -> Result<(), BoxError> {
        let before = nanos();
        let mut claimed = self.connection.prepare_cached("SELECT id FROM signalpost_task WHERE worker IS NOT NULL")?;
        let claimed = claimed.query_map([], |row| row.get::<_, i64>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        let (mut ahead, mut unreported) = (0, 0);
        for id in claimed {
            match self.runs.time(usize::try_from(id)?) {
                None => ahead += 1,
                Some(time) if time < before => unreported += 1,
                Some(_) => {}
            }
        }
        self.ahead = self.ahead.max(ahead);
        self.unreported = self.unreported.max(unreported);
        assert!(ahead <= AHEAD_AT_MOST, "{ahead} tasks were claimed and not started; the limit is {AHEAD_AT_MOST}");
        assert!(
            unreported <= UNREPORTED_AT_MOST,
            "{unreported} tasks had run and were not in the history; the limit is {UNREPORTED_AT_MOST}"
        );
        Ok(())
    }
}
