//! A connection on a thread of its own, and the group commit of what is asked of it.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::manners::Manners;
use crate::StoreError;

/// The most calls that share a transaction. A thousand rows are written in a few milliseconds, for which everybody
/// in the group waits.
const GROUP: usize = 256;
/// How long a transaction waits for as many calls as shared the one before, if those were many: those who had their
/// answers together are on their way back. It is about what the flush of a disk takes, which they then share as well.
const GATHER_FOR: Duration = Duration::from_micros(200);
const MANY: usize = 8;

/// What goes wrong inside an operation, before it is put into words.
#[derive(Debug)]
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

pub(super) type Outcome<T> = Result<T, Failure>;

/// One call, run with the connection or with the reason why there is no transaction to run it in.
type Run = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Done + Send>;

/// What a call writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writes {
    /// Tasks may become due by it: those who wait for changes are told.
    pub(super) wakes: bool,
    /// It is one statement, which undoes itself when it fails; a call of several needs a savepoint for that.
    pub(super) is_one_statement: bool,
}

struct Call {
    run: Run,
    is_one_statement: bool,
}

/// A call that has been run, whose answer waits for the commit.
struct Done {
    succeeded: bool,
    wakes: bool,
    answer: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

enum Request {
    Write(Call),
    Read(Call),
}

pub(super) struct DatabaseThread {
    requests: mpsc::Sender<Request>,
    path: Arc<Path>,
}

impl DatabaseThread {
    /// Starts the thread. It ends when this value is dropped, after the calls that have been made.
    pub(super) fn start(
        name: &str,
        path: &Path,
        connection: Connection,
        after_wake: impl Fn() + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (requests, queue) = mpsc::channel();
        let path: Arc<Path> = path.into();
        let at = path.clone();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(&connection, &queue, &at, after_wake))
            .map_err(|error| StoreError::other(format!("cannot start the thread {name}: {error}")))?;
        Ok(Self { requests, path })
    }

    /// Runs `work` in a transaction, perhaps together with other calls; returns when it is on disk.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_as(Writes { wakes: false, is_one_statement: false }, work).await
    }

    /// As [`DatabaseThread::write`]; afterwards those who wait for changes are told.
    pub(super) async fn write_and_wake<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_as(Writes { wakes: true, is_one_statement: false }, work).await
    }

    /// As [`DatabaseThread::write`], with more to be said.
    pub(super) async fn write_as<T: Send + 'static>(
        &self,
        writes: Writes,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(work, writes, Request::Write).await
    }

    /// Runs `work` in a read transaction of its own.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(work, Writes { wakes: false, is_one_statement: false }, Request::Read).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
        Writes { wakes, is_one_statement }: Writes,
        kind: fn(Call) -> Request,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let path = self.path.clone();
        let run: Run = Box::new(move |connection| {
            let outcome = connection.and_then(|connection| {
                work(connection).map_err(|failure| match failure {
                    Failure::Sqlite(error) => StoreError::sqlite(&path, error),
                    Failure::Store(error) => error,
                })
            });
            Done {
                succeeded: outcome.is_ok(),
                wakes,
                // Nobody may be waiting any more: the caller's future was dropped.
                answer: Box::new(move |committed| drop(sender.send(outcome.and_then(|it| committed.map(|()| it))))),
            }
        });
        self.requests.send(kind(Call { run, is_one_statement })).map_err(|_| StoreError::closed())?;
        answer.await.map_err(|_| StoreError::closed())?
    }
}

fn serve(connection: &Connection, queue: &mpsc::Receiver<Request>, path: &Path, after_wake: impl Fn()) {
    let mut manners = Manners::new(connection);
    let (mut next, mut last_group) = (None, 0);
    loop {
        let request = match next.take() {
            Some(request) => request,
            None => match queue.try_recv() {
                Ok(request) => request,
                Err(_) => {
                    let Ok(request) = queue.recv() else { return };
                    manners.pause();
                    request
                }
            },
        };
        match request {
            Request::Read(call) => read(connection, path, call),
            Request::Write(call) => {
                let mut group = vec![call];
                let mut gather_until = None;
                while group.len() < GROUP {
                    let mut more = queue.try_recv().ok();
                    if more.is_none() && last_group >= MANY && group.len() < last_group {
                        let now = Instant::now();
                        let until = *gather_until.get_or_insert(now + GATHER_FOR);
                        more = queue.recv_timeout(until.saturating_duration_since(now)).ok();
                    }
                    match more {
                        Some(Request::Write(call)) => group.push(call),
                        Some(other) => {
                            next = Some(other);
                            break;
                        }
                        None => break,
                    }
                }
                last_group = group.len();
                let (wakes, held) = write(connection, path, group);
                if wakes {
                    after_wake();
                }
                manners.mind(connection, held);
            }
        }
    }
}

fn read(connection: &Connection, path: &Path, call: Call) {
    let transaction = connection.unchecked_transaction().map_err(|error| StoreError::sqlite(path, error));
    let done = (call.run)(transaction.as_deref().map_err(Clone::clone));
    (done.answer)(Ok(()));
}

/// Runs the calls in one transaction, each in a savepoint so that one that fails does so alone. Returns whether
/// something was committed that others may wait for, and for how long the lock was held.
fn write(connection: &Connection, path: &Path, group: Vec<Call>) -> (bool, Duration) {
    let failed = |error| StoreError::sqlite(path, error);
    if !connection.is_autocommit() {
        // A rollback that failed: without this every later transaction would.
        let _ = execute(connection, "ROLLBACK");
    }
    if let Err(error) = execute(connection, "BEGIN IMMEDIATE").map_err(failed) {
        for call in group {
            ((call.run)(Err(error.clone())).answer)(Ok(()));
        }
        return (false, Duration::ZERO);
    }
    let locked_at = Instant::now();
    let is_alone = group.len() == 1;
    let mut all_done = Vec::with_capacity(group.len());
    let mut broken = None;
    for call in group {
        if let Some(error) = &broken {
            all_done.push((call.run)(Err(StoreError::clone(error))));
            continue;
        }
        let needs_savepoint = !is_alone && !call.is_one_statement;
        if needs_savepoint && let Err(error) = execute(connection, "SAVEPOINT one") {
            let error = failed(error);
            all_done.push((call.run)(Err(error.clone())));
            broken = Some(error);
            continue;
        }
        let done = (call.run)(Ok(connection));
        let ended = match (needs_savepoint, done.succeeded) {
            (false, false) if is_alone => Err(StoreError::other("rolled back")),
            (false, _) => Ok(()),
            (true, true) => execute(connection, "RELEASE one").map_err(failed),
            (true, false) => {
                execute(connection, "ROLLBACK TO one").and_then(|()| execute(connection, "RELEASE one")).map_err(failed)
            }
        };
        // A full disk or an I/O error ends the whole transaction, and with it what the calls before had done.
        if connection.is_autocommit() {
            broken = Some(StoreError::other("the transaction was rolled back by a failure of a call beside this one"));
        } else if let Err(error) = ended {
            broken = Some(error);
        }
        all_done.push(done);
    }
    let committed = match broken {
        Some(error) => Err(error),
        None => execute(connection, "COMMIT").map_err(failed),
    };
    if committed.is_err() && !connection.is_autocommit() {
        // Nothing is left to be done about a failure here: the connection's next BEGIN will say so.
        let _ = execute(connection, "ROLLBACK");
    }
    let (held, mut wakes) = (locked_at.elapsed(), false);
    for done in all_done {
        wakes |= done.succeeded && done.wakes;
        (done.answer)(committed.clone());
    }
    (wakes && committed.is_ok(), held)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
