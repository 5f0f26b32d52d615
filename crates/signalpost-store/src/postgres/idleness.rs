//! Being told of new tasks: only while there is nothing to do, because senders that notify commit one after the other.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Database;
use crate::{Claim, ClaimRequest, StoreError, WorkerId};

/// Who has just found tasks looks again so soon and for so long before it asks to be told of the next ones: between the
/// bursts of a load the flag would be up and down all the time.
const LINGER: Duration = Duration::from_millis(20);
const LINGER_STEP: Duration = Duration::from_millis(2);
/// Two claims that got something so soon after each other are a load, of which nobody has to be told.
const LOAD: Duration = Duration::from_millis(5);
/// Of those who send at the same time one notifies, and the others may commit a little later: who has found tasks looks
/// again so long after.
const AFTER_NEWS: [Duration; 2] = [Duration::from_millis(4), Duration::from_millis(16)];
/// How often the connection that listens is asked whether it is still there, and how long it may take to say so.
const ASK_EVERY: Duration = Duration::from_secs(5);
const RECONNECT_EVERY: Duration = Duration::from_millis(500);

/// Counts the changes by which tasks may have become due.
#[derive(Debug, Clone)]
pub(super) struct Changes(Arc<watch::Sender<u64>>);

impl Changes {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(super) fn count(&self) -> u64 {
        *self.0.borrow()
    }

    pub(super) fn bump(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Waits for a change, for so long at most.
    pub(super) async fn after(&self, seen: u64, at_most: Duration) {
        let mut changes = self.0.subscribe();
        let _ = timeout(at_most, changes.wait_for(|count| *count != seen)).await;
    }
}

/// A worker of this process.
#[derive(Default)]
struct Worker {
    queues: Vec<String>,
    /// It has said that it waits.
    is_declared: bool,
    got_at: Option<Instant>,
}

/// Who waits for what.
#[derive(Default)]
pub(super) struct Idleness {
    workers: RefCell<BTreeMap<WorkerId, Worker>>,
    is_listening: Cell<bool>,
    has_listener: Cell<bool>,
}

impl Idleness {
    pub(super) fn forget(&self, worker: &WorkerId) {
        self.workers.borrow_mut().remove(worker);
    }

    /// Takes notice of a claim. A worker under load takes back what it has said.
    pub(super) fn notice(database: &Rc<Database>, worker: &WorkerId, request: &ClaimRequest, claim: &Claim) {
        let mut workers = database.idleness.workers.borrow_mut();
        let known = workers.entry(worker.clone()).or_default();
        if known.queues.len() != request.queues.len() {
            known.queues = request.queues.iter().map(|share| share.queue.clone()).collect();
        }
        if claim.tasks.is_empty() {
            return;
        }
        let now = Instant::now();
        let is_load = known.got_at.replace(now).is_some_and(|before| now - before < LOAD);
        if is_load && std::mem::take(&mut known.is_declared) {
            let (database, worker) = (database.clone(), worker.clone());
            tokio::task::spawn_local(async move { drop(declare(&database, &worker, None).await) });
        }
    }

    /// What somebody who has found nothing does next: how long to wait for a change at most. Zero: look once more.
    pub(super) async fn wait(database: Rc<Database>) -> Result<Duration, StoreError> {
        let idleness = &database.idleness;
        if !database.notifies || database.access.is_pooled.get() {
            return Ok(database.poll_interval);
        }
        if !idleness.has_listener.replace(true) {
            tokio::task::spawn_local(listen(database.clone()));
        }
        if !idleness.is_listening.get() {
            // It says so when it does.
            return Ok(database.poll_interval);
        }
        let now = Instant::now();
        let mut undeclared = Vec::new();
        for (id, worker) in &*idleness.workers.borrow() {
            if worker.is_declared {
                continue;
            }
            if worker.got_at.is_some_and(|at| now - at < LINGER) {
                return Ok(LINGER_STEP);
            }
            undeclared.push((id.clone(), worker.queues.clone()));
        }
        if undeclared.is_empty() {
            let newest = idleness.workers.borrow().values().filter_map(|worker| worker.got_at).max();
            let later = newest.and_then(|at| AFTER_NEWS.into_iter().find(|after| now - at < *after));
            return Ok(later.unwrap_or(database.poll_interval).min(database.poll_interval));
        }
        for (id, queues) in undeclared {
            declare(&database, &id, Some(&queues)).await?;
            if let Some(worker) = idleness.workers.borrow_mut().get_mut(&id) {
                worker.is_declared = true;
            }
        }
        // Whoever committed before that has told nobody.
        Ok(Duration::ZERO)
    }
}

async fn declare(database: &Database, worker: &WorkerId, queues: Option<&[String]>) -> Result<(), StoreError> {
    let set_idle = &database.statements.set_idle;
    let worker = worker.as_str();
    // It is a hint: no sender and no disk is waited for.
    let set = async |session: &mut super::session::Session| {
        session.batch("SET LOCAL synchronous_commit = off").await?;
        session.change(set_idle, |it| it.bind(worker).bind(queues)).await
    };
    database.sessions.transact(set).await.map(drop)
}

/// Listens for as long as the store is there.
async fn listen(database: Rc<Database>) {
    loop {
        let outcome = listen_once(&database).await;
        database.idleness.is_listening.set(false);
        database.changes.bump();
        if let Err(error) = outcome {
            let error = StoreError::postgres(&database.access.place, &error);
            tracing::debug!(target: "signalpost::store", error = %error.in_one_line(), "cannot listen for new tasks");
        }
        sleep(RECONNECT_EVERY).await;
    }
}

/// Listens until the connection is lost.
async fn listen_once(database: &Database) -> Result<(), sqlx::Error> {
    let call = database.access.timeout;
    // One for each connection: one that is lost without a word keeps its pool's only place until the system gives it up.
    // It is nobody's business how long that takes, nor whether a connection that was lost can be used again.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(call)
        .acquire_slow_threshold(call)
        .after_release(|_, _| Box::pin(async { Ok(false) }));
    let mut listener = PgListener::connect_with(&pool.connect_lazy_with(database.access.connect_options())).await?;
    listener.eager_reconnect(false);
    listener.execute(AssertSqlSafe(database.access.manners())).await?;
    listener.listen("signalpost").await?;
    database.idleness.is_listening.set(true);
    // The server may have forgotten what was said without waiting for the disk.
    database.idleness.workers.borrow_mut().values_mut().for_each(|worker| worker.is_declared = false);
    // What was committed while nobody listened.
    database.changes.bump();
    loop {
        match timeout(ASK_EVERY, listener.try_recv()).await {
            Ok(Ok(Some(told))) if told.payload() == database.table => database.changes.bump(),
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                let asked = sqlx::query("SELECT 1").execute(&mut listener);
                if !matches!(timeout(call, asked).await, Ok(Ok(_))) {
                    return Ok(());
                }
            }
        }
    }
}
