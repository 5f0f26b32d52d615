//! The promises that the protocol keeps.

use crate::exploration::Question;
use crate::state::{Lease, Row, Task};
use crate::step::Act;

pub const ENDS_ONCE: &str = "a task ends at most once, and succeeds only if its newest attempt ran to success";
pub const NOT_OVERTAKEN: &str = "a finish is accepted only from the newest claim: its worker and its fence";
pub const RARELY_TWICE: &str = "a receiver starts once, and once more per death or failure; lost answers cost none";
pub const RARELY_AT_ONCE: &str = "a receiver runs twice at once only if the lease of the older run had expired";
pub const TRUST_ENDS_FIRST: &str = "without a valid lease only a worker that froze starts a receiver";
pub const CLAIMED_UNDER_LEASE: &str = "a worker whose lease row is gone claims nothing";
pub const COUNTS_AGREE: &str = "attempt = deaths + failures + the attempt that runs or ended the task; fence = claims";
pub const EFFECTS_ONCE: &str = "an atomic receiver's writes are there once if its task succeeded, and never otherwise";
/// Of the whole, not of any one step.
pub const NOTHING_IS_LOST: &str = "from every state all tasks can end, without faults and without help from the dead";

pub const PROMISES: [(&str, Question); 8] = [
    (ENDS_ONCE, |_, _, after| {
        let mut tasks = after.tasks.iter();
        tasks.all(|t| t.ends == u8::from(t.is_over()) && (t.newest_succeeded || t.row != Row::Succeeded))
    }),
    (NOT_OVERTAKEN, |before, step, _| match (step.act, step.attempt) {
        (Act::Finish { accepted: true, .. } | Act::Complete { accepted: true, .. }, Some(a)) => {
            let task = before.tasks[a.task];
            task.row == Row::Running(a.id) && task.fence == a.fence
        }
        _ => true,
    }),
    (RARELY_TWICE, |_, _, after| after.tasks.iter().all(|t| t.starts <= 1 + t.deaths + t.failures)),
    (RARELY_AT_ONCE, |_, _, after| {
        after.receivers().all(|old| old.lapsed || !after.receivers().any(|a| a.task == old.task && a.fence > old.fence))
    }),
    (TRUST_ENDS_FIRST, |before, step, _| {
        let is_blind = before.workers[step.id.owner()].blind;
        step.act != Act::Start || is_blind || before.lease(step.id) == Some(Lease::Valid)
    }),
    (CLAIMED_UNDER_LEASE, |before, step, _| step.act != Act::Claim || before.lease(step.id).is_some()),
    (COUNTS_AGREE, |_, _, after| {
        after.tasks.iter().all(|t| {
            let last = u8::from(t.row != Row::Waiting);
            t.attempt == t.deaths + t.failures + last && t.fence == t.attempt + t.releases
        })
    }),
    (EFFECTS_ONCE, |_, _, after| {
        let once = |t: &Task| match t.row {
            Row::Succeeded => t.effects == 1,
            Row::Dead => t.effects == 0,
            // What is written apart from the finish is there before it.
            Row::Waiting | Row::Running(_) => t.effects <= 1,
        };
        !after.rules.are_about_effects() || after.tasks.iter().all(once)
    }),
];
