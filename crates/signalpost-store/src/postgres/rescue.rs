//! Taking up what the dead have left.

use sqlx::Row;
use tokio::time::{Duration, sleep};

use super::Database;
use super::end::end_waiting;
use super::failure::Outcome;
use crate::{EndState, RescueCause, RescueRequest, Rescued, StoreError, TaskId, WorkerId};

/// A lock is believed to be free when it was seen so for a second: a worker that has lost its connection takes it again
/// long before.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// After an outage nobody holds a lock, and everybody is on the way back.
const REST_AFTER_DISTURBANCE: Duration = Duration::from_secs(5);

struct Fallen {
    worker: WorkerId,
    cause: RescueCause,
}

/// As [`Store::rescue`](crate::Store::rescue).
pub(super) async fn rescue(database: &Database, request: &RescueRequest) -> Result<Vec<Rescued>, StoreError> {
    let mut fallen = look(database, request).await?;
    for _ in 0..LOOKS {
        if fallen.iter().all(|one| one.cause == RescueCause::LeaseExpired) {
            break;
        }
        sleep(BETWEEN_LOOKS).await;
        let again = look(database, request).await?;
        let is_still = |one: &Fallen| again.iter().any(|other| other.worker == one.worker && other.cause == one.cause);
        fallen.retain(is_still);
    }
    let mut rescued = Vec::new();
    for one in fallen {
        // One transaction for each: a worker with many tasks does not hold up the others.
        let work = async |session: &mut _| take_up(database, session, &one, request).await;
        rescued.extend(database.reserved.transact(work).await?);
    }
    Ok(rescued)
}

async fn look(database: &Database, request: &RescueRequest) -> Result<Vec<Fallen>, StoreError> {
    let now = database.now();
    let rows = database
        .reserved
        .call(async |session| session.all(&database.statements.workers, |it| it.bind(now)).await)
        .await?;
    let is_calm = database.access.is_calm_for(REST_AFTER_DISTURBANCE);
    let mut fallen = Vec::new();
    for row in rows {
        let read = || -> Outcome<_> { Ok((row.try_get::<String, _>(0)?, row.try_get(1)?, row.try_get(2)?)) };
        let (id, is_expired, is_free): (_, bool, bool) = read().map_err(|failure| database.explain(failure))?;
        let worker = WorkerId::from(id);
        let is_own = database.keeper.holds(&worker);
        if is_free && is_calm && !is_own {
            fallen.push(Fallen { worker, cause: RescueCause::Died });
        } else if request.expired_leases && is_expired && worker != request.rescuer {
            fallen.push(Fallen { worker, cause: RescueCause::LeaseExpired });
        }
    }
    Ok(fallen)
}

async fn take_up(
    database: &Database,
    session: &mut super::session::Session,
    fallen: &Fallen,
    request: &RescueRequest,
) -> Outcome<Option<Rescued>> {
    let (statements, now) = (&database.statements, database.now());
    let worker = fallen.worker.as_str();
    // It was seen in an earlier transaction: it may have renewed, or been rescued by another, since then.
    let removed = match fallen.cause {
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
    let ids = |tasks: Vec<i64>| tasks.into_iter().map(TaskId).collect();
    let (waiting, dead) = (ids(waiting), ids(dead));
    Ok(Some(Rescued { worker: fallen.worker.clone(), cause: fallen.cause, waiting, dead }))
}
