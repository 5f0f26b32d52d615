//! Seeing the commits of other connections.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

/// Counts the changes by which tasks may have become due. `PRAGMA data_version` says on one connection that
/// another one has committed; it is asked only while somebody waits.
pub(super) struct Watcher {
    count: watch::Sender<u64>,
    waiting: AtomicUsize,
    stopped: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Watcher {
    pub(super) fn start(connection: Connection, interval: Duration) -> Arc<Self> {
        let watcher = Arc::new(Self {
            count: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let watching = watcher.clone();
        let spawned = thread::Builder::new()
            .name("signalpost-watch".to_owned())
            .spawn(move || watching.watch(&connection, interval));
        match spawned {
            Ok(handle) => drop(watcher.thread.set(handle.thread().clone())),
            // Commits through this store are still seen, and workers look by themselves now and then.
            Err(error) => tracing::warn!(target: "signalpost::store", %error, "cannot watch for others' commits"),
        }
        watcher
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
        self.waiting.fetch_add(1, SeqCst);
        let _waiting = Waiting(&self.waiting);
        self.wake_thread();
        // The sender lives in `self`: there is no other error than its end.
        let _ = changes.wait_for(|count| *count > seen).await;
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, SeqCst);
        self.wake_thread();
    }

    fn wake_thread(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn watch(&self, connection: &Connection, interval: Duration) {
        let mut version = data_version(connection);
        while !self.stopped.load(SeqCst) {
            if self.waiting.load(SeqCst) == 0 {
                thread::park();
                continue;
            }
            let found = data_version(connection);
            if found != version {
                version = found;
                self.bump();
            }
            thread::park_timeout(interval);
        }
    }
}

/// `None` while it cannot be read: the answer after that is a change, which is the safe side.
fn data_version(connection: &Connection) -> Option<i64> {
    connection.prepare_cached("PRAGMA data_version").and_then(|mut ask| ask.query_row([], |row| row.get(0))).ok()
}
