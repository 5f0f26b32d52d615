//! Taking tasks: a look at what there is, then a short statement for each queue and priority.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::Row;

use super::failure::Outcome;
use super::rows;
use super::session::Session;
use super::statements::Statements;
use crate::{Claim, ClaimRequest, QueueShare, StoreError, Task, WorkerId};

/// The most tasks whose time is over that one claim ends, so that it stays short.
const EXPIRE_AT_ONCE: i64 = 200;
/// How many tasks a claim looks at, in each priority of a queue, to get past those of receivers of which none is wanted.
const LOOK_PAST: usize = 2_000;

pub(super) async fn claim(
    session: &mut Session,
    statements: &Statements,
    worker: &WorkerId,
    request: &ClaimRequest,
    now: Option<i64>,
) -> Outcome<Claim> {
    let names: Vec<&str> = request.queues.iter().map(|share| &*share.queue).collect();
    let look = session.one(&statements.look, |it| it.bind(worker.as_str()).bind(&names).bind(now)).await?;
    let (now, is_leased, is_any_over): (i64, bool, bool) = (look.try_get(0)?, look.try_get(1)?, look.try_get(2)?);
    if !is_leased {
        return Err(StoreError::lease_lost(worker.as_str()).into());
    }
    if is_any_over {
        let reason = "nobody had started it when its time was over";
        session.change(&statements.expire, |it| it.bind(now).bind(EXPIRE_AT_ONCE).bind(reason)).await?;
    }
    let mut claim = Claim { suspect_is_due: look.try_get(3)?, now, ..Claim::default() };
    if request.suspect {
        let rows = session.all(&statements.claim_suspect, |it| it.bind(worker.as_str()).bind(&names).bind(now)).await?;
        claim.tasks = rows.iter().map(rows::task).collect::<Outcome<_>>()?;
        claim.suspect_is_due = false;
        return Ok(claim);
    }
    let mut found = BTreeMap::<String, Vec<i16>>::new();
    let queues: Option<Vec<String>> = look.try_get(4)?;
    let priorities: Option<Vec<i16>> = look.try_get(5)?;
    for (queue, priority) in queues.unwrap_or_default().into_iter().zip(priorities.unwrap_or_default()) {
        found.entry(queue).or_default().push(priority);
    }
    for priorities in found.values_mut() {
        priorities.sort_unstable_by(|one, other| other.cmp(one));
    }
    let mut taking = Taking { session, statements, worker, limited: request.limited.clone(), now };
    let mut taken: Vec<usize> = vec![0; request.queues.len()];
    // By their shares first; then what some have left goes to those that have more.
    for round in [|share: &QueueShare| share.share.min(share.most), |share: &QueueShare| share.most] {
        for (share, taken) in request.queues.iter().zip(&mut taken) {
            let wanted = round(share).saturating_sub(*taken).min(request.limit - claim.tasks.len());
            // Who has not had a whole share has no more.
            let may_have = *taken == 0 || *taken >= share.share;
            if wanted > 0
                && may_have
                && let Some(priorities) = found.get(&share.queue)
            {
                *taken += taking.from(&share.queue, priorities, wanted, &mut claim.tasks).await?;
            }
        }
    }
    if claim.tasks.len() < request.limit {
        let (mut queues, mut priorities) = (Vec::new(), Vec::new());
        for (share, _) in request.queues.iter().zip(&taken).filter(|(share, taken)| **taken < share.most) {
            for priority in found.get(&share.queue).into_iter().flatten() {
                queues.push(&*share.queue);
                priorities.push(*priority);
            }
        }
        // Of what was passed over all may be due, and asking again at once would find the same.
        let after = if request.limited.is_empty() { i64::MIN } else { now };
        let next = session
            .one(&statements.next_due, |it| it.bind(queues).bind(priorities).bind(after).bind(&names).bind(now))
            .await?;
        let next: Option<i64> = next.try_get(0)?;
        claim.next_due = next.map(|run_at| Duration::from_millis(u64::try_from(run_at - now).unwrap_or(0)));
    }
    Ok(claim)
}

/// What all parts of one claim have in common.
struct Taking<'a> {
    session: &'a mut Session,
    statements: &'a Statements,
    worker: &'a WorkerId,
    /// How many more tasks may be had of each.
    limited: BTreeMap<String, usize>,
    now: i64,
}

impl Taking<'_> {
    /// Takes from one queue, one priority after the other: so a claim costs what it takes, however many tasks of higher
    /// priority are waiting for a later time.
    async fn from(&mut self, queue: &str, priorities: &[i16], limit: usize, claimed: &mut Vec<Task>) -> Outcome<usize> {
        let mut left = limit;
        for priority in priorities {
            if left == 0 {
                break;
            }
            let (worker, now, room) = (self.worker.as_str(), self.now, number(left));
            let rows = if self.limited.is_empty() {
                let claim = &self.statements.claim;
                self.session.all(claim, |it| it.bind(worker).bind(queue).bind(priority).bind(now).bind(room)).await?
            } else {
                let is_any_full = self.limited.values().any(|left| *left == 0);
                let look_at = if is_any_full { LOOK_PAST.max(left) } else { left.saturating_mul(2) };
                let receivers: Vec<&str> = self.limited.keys().map(|name| &**name).collect();
                let rooms: Vec<i64> = self.limited.values().map(|room| number(*room)).collect();
                let claim = &self.statements.claim_limited;
                self.session
                    .all(claim, |it| {
                        let it = it.bind(worker).bind(queue).bind(priority).bind(now);
                        it.bind(room).bind(receivers).bind(rooms).bind(number(look_at))
                    })
                    .await?
            };
            let mut tasks = rows.iter().map(rows::task).collect::<Outcome<Vec<_>>>()?;
            for task in &tasks {
                if let Some(left) = self.limited.get_mut(&task.receiver) {
                    *left = left.saturating_sub(1);
                }
            }
            // RETURNING promises no order.
            tasks.sort_unstable_by_key(|task| (task.run_at, task.id));
            left -= tasks.len();
            claimed.append(&mut tasks);
        }
        Ok(limit - left)
    }
}

fn number(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
