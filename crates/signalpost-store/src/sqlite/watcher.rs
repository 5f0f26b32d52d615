//! Seeing the commits of other connections.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::watch;

use super::alarm::{Alarm, Woken};
use crate::StoreError;

/// How often the database is asked where the system does not tell of writes to its log, and where it does, to be safe.
const ASK_EVERY: Duration = Duration::from_millis(2);
const ASK_IN_ANY_CASE: Duration = Duration::from_millis(25);
/// The log is written before the commit is there to be seen, which takes a flush of the disk: it is asked for in short
/// steps at first, then in longer ones, and for so long.
const SHORT_STEP: Duration = Duration::from_micros(100);
const SHORT_FOR: Duration = Duration::from_millis(2);
const LONG_STEP: Duration = Duration::from_millis(1);
const FOLLOW_FOR: Duration = Duration::from_millis(100);
/// A neighbour that commits all the time must not have a worker look all the time.
const REST: Duration = Duration::from_micros(500);

/// Counts the changes by which tasks may have become due. `PRAGMA data_version` says on one connection that
/// another one has committed; it is asked only while somebody waits.
pub(super) struct Watcher {
    count: watch::Sender<u64>,
    waiting: AtomicUsize,
    stopped: AtomicBool,
    alarm: Alarm,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Watcher {
    pub(super) fn start(
        database: &Path,
        connection: Connection,
        interval: Option<Duration>,
    ) -> Result<Arc<Self>, StoreError> {
        let failed = |error| StoreError::other(format!("cannot watch {}: {error}", database.display()));
        // Its first read opens the log, which is there to be watched from then on.
        let version = data_version(&connection);
        let alarm = Alarm::of(database).map_err(failed)?;
        let interval = interval.unwrap_or(if alarm.sees_writes() { ASK_IN_ANY_CASE } else { ASK_EVERY });
        let watcher = Arc::new(Self {
            count: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            alarm,
            thread: Mutex::default(),
        });
        let watching = watcher.clone();
        let thread = thread::Builder::new()
            .name("signalpost-watch".to_owned())
            .spawn(move || watching.watch(&connection, version, interval))
            .map_err(failed)?;
        *watcher.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(watcher)
    }

    pub(super) fn count(&self) -> u64 {
        *self.count.borrow()
    }

    pub(super) fn bump(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    pub(super) async fn change_after(&self, seen: u64) {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, SeqCst);
            }
        }
        let mut changes = self.count.subscribe();
        let others = self.waiting.fetch_add(1, SeqCst);
        let _waiting = Waiting(&self.waiting);
        if others == 0 {
            self.alarm.ring();
        }
        // The sender lives in `self`: there is no other error than its end.
        let _ = changes.wait_for(|count| *count > seen).await;
    }

    /// Ends the thread, and with it the connection: nothing of the store stays behind.
    pub(super) fn stop(&self) {
        self.stopped.store(true, SeqCst);
        self.alarm.ring();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn watch(&self, connection: &Connection, version: Option<i64>, interval: Duration) {
        let mut seen = version;
        while !self.stopped.load(SeqCst) {
            if self.waiting.load(SeqCst) == 0 {
                self.alarm.wait(None);
            } else if self.look(connection, &mut seen) {
                self.alarm.wait(Some(REST));
            } else if self.alarm.wait_for_write(interval) == Woken::Write {
                self.follow_write(connection, &mut seen);
            }
        }
    }

    /// Somebody has begun to commit, or writes what is never committed.
    fn follow_write(&self, connection: &Connection, seen: &mut Option<i64>) {
        let began = Instant::now();
        while !self.look(connection, seen) && began.elapsed() < FOLLOW_FOR && !self.stopped.load(SeqCst) {
            self.alarm.wait(Some(if began.elapsed() < SHORT_FOR { SHORT_STEP } else { LONG_STEP }));
        }
    }

    fn look(&self, connection: &Connection, seen: &mut Option<i64>) -> bool {
        let found = data_version(connection);
        let changed = found != *seen;
        if changed {
            *seen = found;
            self.bump();
        }
        changed
    }
}

/// `None` while it cannot be read: the answer after that is a change, which is the safe side.
pub(super) fn data_version(connection: &Connection) -> Option<i64> {
    connection.prepare_cached("PRAGMA data_version").and_then(|mut ask| ask.query_row([], |row| row.get(0))).ok()
}
