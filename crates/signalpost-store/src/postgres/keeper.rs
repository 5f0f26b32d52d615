//! The session whose locks show that this process lives.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::failure::Outcome;
use super::session::{Access, Session};
use super::statements::Statements;
use crate::{StoreError, WorkerId};

/// How often the session is asked whether it is still there. Others believe in a death when they have seen the lock free
/// for a second.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// A lock that is taken again soon is not worth a line. One that is not makes a living worker look dead, if the server
/// answers everybody else: while it is away, the callers say so.
const LOG_AFTER: Duration = Duration::from_secs(5);
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Holds one advisory lock for each worker of this process, on a connection of its own. When the process dies, so does the
/// session, and its locks are free.
pub(super) struct Keeper {
    access: Rc<Access>,
    statements: Rc<Statements>,
    locks: RefCell<BTreeMap<WorkerId, i64>>,
    session: Mutex<Option<Session>>,
    is_running: Cell<bool>,
}

impl Keeper {
    pub(super) fn new(access: Rc<Access>, statements: Rc<Statements>) -> Self {
        let (locks, session, is_running) = Default::default();
        Self { access, statements, locks, session, is_running }
    }

    pub(super) fn holds(&self, worker: &WorkerId) -> bool {
        self.locks.borrow().contains_key(worker)
    }

    /// Takes a lock for the worker, whose number is what others look for. `None` where no session lasts.
    pub(super) async fn take(self: &Rc<Self>, worker: &WorkerId, deadline: Instant) -> Result<Option<i64>, StoreError> {
        if self.access.is_pooled.get() {
            return Ok(None);
        }
        let (high, low) = Uuid::new_v4().as_u64_pair();
        let lock = i64::from_ne_bytes((high ^ low).to_ne_bytes());
        self.locks.borrow_mut().insert(worker.clone(), lock);
        if let Err(error) = self.hold(deadline).await {
            self.locks.borrow_mut().remove(worker);
            return Err(error);
        }
        if !self.is_running.replace(true) {
            tokio::task::spawn_local(self.clone().run());
        }
        Ok(Some(lock))
    }

    /// Lets go of the worker's lock. The others stay.
    pub(super) async fn let_go(&self, worker: &WorkerId) {
        let Some(lock) = self.locks.borrow_mut().remove(worker) else { return };
        let unlock = async {
            let mut place = self.session.lock().await;
            if let Some(mut session) = place.take()
                && session.batch(&format!("SELECT pg_advisory_unlock({lock})")).await.is_ok()
            {
                *place = Some(session);
            }
        };
        // What does not answer is dropped, and the lock with it.
        let _ = timeout_at(self.access.deadline(), unlock).await;
    }

    /// Makes sure that every lock is held. After a lost connection the server may hold them for the old session for a
    /// while: they are asked for until they are this one's.
    async fn hold(&self, deadline: Instant) -> Result<(), StoreError> {
        let hold = async {
            let mut place = self.session.lock().await;
            let mut session = match place.take() {
                Some(session) => session,
                None => Session::open(&self.access).await?,
            };
            let locks: Vec<i64> = self.locks.borrow().values().copied().collect();
            session.all(&self.statements.hold, |it| it.bind(locks)).await?;
            *place = Some(session);
            Outcome::Ok(())
        };
        match timeout_at(deadline, hold).await {
            Ok(done) => done.map_err(|failure| failure.explained(&self.access.place)),
            Err(_) => Err(StoreError::timed_out(&self.access.place, self.access.timeout)),
        }
    }

    async fn run(self: Rc<Self>) {
        let (mut held_at, mut logged_at) = (Instant::now(), None::<Instant>);
        while !self.locks.borrow().is_empty() {
            sleep(ASK_EVERY).await;
            let Err(error) = self.hold(self.access.deadline()).await else {
                (held_at, logged_at) = (Instant::now(), None);
                continue;
            };
            self.access.contact.lose();
            let is_told = logged_at.is_some_and(|at| at.elapsed() < LOG_EVERY);
            if held_at.elapsed() >= LOG_AFTER && self.access.contact.is_answering(LOG_AFTER / 2) && !is_told {
                logged_at = Some(Instant::now());
                tracing::warn!(target: "signalpost::store", error = %error.in_one_line(), "cannot hold the locks that show life");
            }
        }
        self.is_running.set(false);
        // Nobody's life is to be seen any more.
        self.session.lock().await.take();
    }
}

/// How often a session has to prove that it lasts. A pooler has others to serve meanwhile, and may by chance give back the
/// session that it gave before: once, but hardly every time.
const PROOFS: usize = 5;

/// Whether a pooler stands in between that gives each transaction another session.
///
/// While one connection is in a transaction, the other one's session must stay the same, and be another one.
pub(super) async fn is_behind_pooler(access: &Access) -> Outcome<bool> {
    let mut one = Session::open(access).await?;
    let mut other = Session::open(access).await?;
    let own = one.backend().await?;
    for _ in 0..PROOFS {
        other.batch("BEGIN").await?;
        let others = other.backend().await?;
        let is_same = own != others && one.backend().await? == own;
        other.batch("COMMIT").await?;
        if !is_same || one.backend().await? != own {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The lock's number is split into two for the catalogue.
pub(super) const HOLD: &str = "SELECT pg_try_advisory_lock(wanted.lock) FROM unnest($1::bigint[]) AS wanted (lock) \
     WHERE NOT EXISTS (\
         SELECT FROM pg_locks AS held \
         WHERE held.locktype = 'advisory' AND held.pid = pg_backend_pid() AND held.objsubid = 1 \
           AND held.classid::bigint = (wanted.lock >> 32) & 4294967295 \
           AND held.objid::bigint = wanted.lock & 4294967295)";
