//! Taking up what the dead have left.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use tokio::time::{Duration, Instant, sleep};

use super::Database;
use super::end::end_waiting;
use super::failure::Outcome;
use super::left_behind::LeftBehind;
use super::session::Session;
use crate::{EndState, RescueCause, RescueRequest, Rescued, StoreError, TaskId, WorkerId};

/// A lock is believed to be free when it was seen so for a second: a worker that has lost its connection takes it again
/// long before.
const BELIEVED_AFTER: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// Looks that are further apart than this say nothing about the time in between.
const LOOKS_APART: Duration = Duration::from_millis(600);
/// After an outage nobody holds a lock, leases have expired, and everybody is on the way back.
const REST_AFTER_OUTAGE: Duration = Duration::from_secs(6);
/// A renewal may stand in line behind a rescue, which therefore waits no longer than this for a lock, and is tried again at
/// the next call.
const LOCK_AT_MOST: Duration = Duration::from_millis(500);

struct Fallen {
    worker: WorkerId,
    cause: RescueCause,
}

/// The workers whose locks are seen to be free: since when, and when last.
#[derive(Debug, Default)]
pub(super) struct Suspicions(RefCell<BTreeMap<WorkerId, (Instant, Instant)>>);

impl Suspicions {
    /// Takes notice of the locks that are free now, and says which are believed to be.
    fn believed(&self, free: BTreeSet<WorkerId>) -> Vec<WorkerId> {
        let now = Instant::now();
        let mut seen = self.0.borrow_mut();
        seen.retain(|worker, (_, last)| free.contains(worker) && now - *last <= LOOKS_APART);
        for worker in free {
            seen.entry(worker).or_insert((now, now)).1 = now;
        }
        let are_believed = seen.iter().filter(|(_, (first, _))| now - *first >= BELIEVED_AFTER);
        are_believed.map(|(worker, _)| worker.clone()).collect()
    }

    fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// As [`Store::rescue`](crate::Store::rescue). While somebody is suspected it goes on looking, until the first one is
/// believed to be dead: the others' time runs on until the next call.
pub(super) async fn rescue(database: &Database, request: &RescueRequest) -> Result<Vec<Rescued>, StoreError> {
    let fallen = loop {
        let fallen = look(database, request).await?;
        if !fallen.is_empty() || database.suspicions.is_empty() {
            break fallen;
        }
        sleep(BETWEEN_LOOKS).await;
    };
    let mut rescued = Vec::new();
    let mut failure = take_up_each(database, fallen, request, &mut rescued).await;
    failure = LeftBehind::look(database).await.err().or(failure);
    let left = database.left_behind.workers().into_iter();
    let left = left.map(|worker| Fallen { worker, cause: RescueCause::LeftBehind }).collect();
    failure = take_up_each(database, left, request, &mut rescued).await.or(failure);
    // What has failed is met again the next time.
    failure.filter(|_| rescued.is_empty()).map_or(Ok(rescued), Err)
}

/// One transaction for each, so that a worker with many tasks does not hold up the others. Returns what has failed.
async fn take_up_each(
    database: &Database,
    fallen: Vec<Fallen>,
    request: &RescueRequest,
    rescued: &mut Vec<Rescued>,
) -> Option<StoreError> {
    let mut failure = None;
    for one in fallen {
        let work = async |session: &mut _| take_up(database, session, &one, request).await;
        match database.reserved.transact(work).await {
            Ok(Some((taken_up, is_left))) => {
                database.left_behind.note(&one.worker, is_left);
                if one.cause != RescueCause::LeftBehind || taken_up.waiting.len() + taken_up.dead.len() > 0 {
                    rescued.push(taken_up);
                    database.changes.bump();
                }
            }
            Ok(None) => {}
            Err(error) => {
                // It may have been made, and its answer was lost.
                database.left_behind.look_soon();
                failure = Some(error);
            }
        }
    }
    failure
}

async fn look(database: &Database, request: &RescueRequest) -> Result<Vec<Fallen>, StoreError> {
    let now = database.now();
    let rows = database
        .reserved
        .call(async |session| session.all(&database.statements.workers, |it| it.bind(now)).await)
        .await?;
    let contact = &database.access.contact;
    let by_lock = contact.is_calm_for(REST_AFTER_OUTAGE);
    let by_lease = request.expired_leases && contact.is_there_for(REST_AFTER_OUTAGE);
    let (mut free, mut expired) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        let read = || -> Outcome<_> { Ok((row.try_get::<String, _>(0)?, row.try_get(1)?, row.try_get(2)?)) };
        let (id, is_expired, is_free): (_, bool, bool) = read().map_err(|failure| database.explain(failure))?;
        let worker = WorkerId::from(id);
        if by_lease && is_expired && worker != request.rescuer {
            expired.insert(worker.clone());
        }
        if by_lock && is_free && !database.keeper.holds(&worker) {
            free.insert(worker);
        }
    }
    let dead = database.suspicions.believed(free);
    expired.retain(|worker| !dead.contains(worker));
    let dead = dead.into_iter().map(|worker| Fallen { worker, cause: RescueCause::Died });
    Ok(dead.chain(expired.into_iter().map(|worker| Fallen { worker, cause: RescueCause::LeaseExpired })).collect())
}

/// Removes the worker and frees its tasks, but for those that a transaction has locked: an atomic receiver's, which
/// completes them or rolls back, and may belong to a machine that has vanished. With them it says that something is left.
/// `None`: the worker is not to be taken up.
async fn take_up(
    database: &Database,
    session: &mut Session,
    fallen: &Fallen,
    request: &RescueRequest,
) -> Outcome<Option<(Rescued, bool)>> {
    let (statements, now) = (&database.statements, database.now());
    let worker = fallen.worker.as_str();
    wait_for_locks_briefly(database, session).await?;
    // It was seen in an earlier transaction: it may have renewed, or been rescued by another, since then.
    let removed = match fallen.cause {
        // Its row is gone, and an id is never taken again.
        RescueCause::LeftBehind => 1,
        RescueCause::Died => session.change(&statements.delete_worker, |it| it.bind(worker)).await?,
        RescueCause::LeaseExpired => {
            // After a suspend or a jump of the clock everybody looks expired, this worker too: the living renew first.
            let rescuer = request.rescuer.as_str();
            let has_lease = session.one(&statements.has_lease, |it| it.bind(rescuer).bind(now)).await?;
            if !has_lease.try_get::<bool, _>(0)? {
                return Ok(None);
            }
            session.change(&statements.delete_expired, |it| it.bind(worker).bind(now)).await?
        }
    };
    if removed == 0 {
        return Ok(None);
    }
    let (mut waiting, mut dead) = (Vec::new(), Vec::new());
    for row in session.all(&statements.free, |it| it.bind(worker)).await? {
        let (id, deaths): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        // The first two deaths may have been a neighbour's doing.
        let died_alone = deaths.saturating_sub(2);
        if died_alone >= i64::from(request.max_deaths_alone.max(1)) { dead.push(id) } else { waiting.push(id) }
    }
    if !dead.is_empty() {
        let times = request.max_deaths_alone.max(1);
        let reason = format!("its worker died {times} times while it ran alone; the last one was {worker}");
        end_waiting(session, statements, dead.clone(), EndState::Dead, &reason, now).await?;
    }
    let is_left = session.one(&statements.holds_any, |it| it.bind(worker)).await?.try_get(0)?;
    let ids = |tasks: Vec<i64>| tasks.into_iter().map(TaskId).collect();
    let (waiting, dead) = (ids(waiting), ids(dead));
    Ok(Some((Rescued { worker: fallen.worker.clone(), cause: fallen.cause, waiting, dead }, is_left)))
}

pub(super) async fn wait_for_locks_briefly(database: &Database, session: &mut Session) -> Outcome<()> {
    let at_most = LOCK_AT_MOST.min(database.access.timeout).as_millis().max(1);
    session.batch(&format!("SET LOCAL lock_timeout = {at_most}")).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_lock_is_believed_to_be_free_when_it_was_seen_so_for_a_second_without_a_gap() {
        let suspicions = Suspicions::default();
        let worker = WorkerId::random();
        let free = || BTreeSet::from([worker.clone()]);
        let gap = LOOKS_APART + Duration::from_millis(1);
        for (pause, seen, believed) in [
            (Duration::ZERO, free(), false),
            (LOOKS_APART, free(), false),
            (LOOKS_APART, free(), true),
            (Duration::ZERO, BTreeSet::new(), false),
            (Duration::ZERO, free(), false),
            (LOOKS_APART, free(), false),
            // Who knows what was in between.
            (gap, free(), false),
            (LOOKS_APART, free(), false),
            (LOOKS_APART, free(), true),
        ] {
            advance(pause).await;
            assert_eq!(!suspicions.believed(seen).is_empty(), believed, "after {pause:?}");
        }
    }
}
