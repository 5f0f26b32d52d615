//! Moving tasks on: to the history, or back to those that wait.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::failure::Outcome as Done;
use super::session::Session;
use super::statements::Statements;
use crate::clock::millis;
use crate::{EndState, Finish, Outcome, TaskId, WorkerId, readable_reason};

/// Which claims are reported on, and at which places of the call.
#[derive(Default)]
struct Claims {
    ids: Vec<i64>,
    fences: Vec<i64>,
    places: Vec<usize>,
}

impl Claims {
    fn push(&mut self, place: usize, finish: &Finish) {
        self.ids.push(finish.task.0);
        self.fences.push(finish.fence);
        self.places.push(place);
    }

    /// Says yes to those that the server has found, which counts from 1.
    fn accept(&self, row: &PgRow, answers: &mut [bool]) -> Done<()> {
        for found in row.try_get::<Vec<i64>, _>(0)? {
            let place = usize::try_from(found - 1).ok().and_then(|at| self.places.get(at));
            if let Some(answer) = place.and_then(|place| answers.get_mut(*place)) {
                *answer = true;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Ends {
    claims: Claims,
    states: Vec<&'static str>,
    reasons: Vec<Option<String>>,
    results: Vec<Option<String>>,
}

#[derive(Default)]
struct GivesBack {
    claims: Claims,
    after: Vec<Option<i64>>,
    attempts_back: Vec<i64>,
    reasons: Vec<Option<String>>,
    are_unknown: Vec<bool>,
    deaths: Vec<i64>,
}

/// The reports of one call, by what is done with them: one statement for each kind.
#[derive(Default)]
pub(super) struct Reports {
    count: usize,
    ends: Ends,
    forgets: Forgets,
    gives_back: GivesBack,
}

/// Successes of which no history is kept: the places of the call by task, for each fence. Most tasks have been claimed once, so
/// one fence is what there mostly is.
#[derive(Default)]
struct Forgets(BTreeMap<i64, HashMap<i64, usize>>);

impl Reports {
    pub(super) fn of(finishes: &[Finish]) -> Self {
        let mut reports = Self { count: finishes.len(), ..Self::default() };
        // A claim is moved on once; a second report on it is refused.
        let mut seen = HashSet::<(TaskId, i64)>::with_capacity(finishes.len());
        for (place, finish) in finishes.iter().enumerate() {
            if seen.insert((finish.task, finish.fence)) {
                reports.push(place, finish);
            }
        }
        reports
    }

    fn push(&mut self, place: usize, finish: &Finish) {
        match &finish.outcome {
            Outcome::Succeeded { .. } if !finish.keeps_success => {
                self.forgets.0.entry(finish.fence).or_default().insert(finish.task.0, place);
            }
            Outcome::Succeeded { result } => {
                self.end(place, finish, EndState::Succeeded, None, result.clone());
            }
            Outcome::Dead { reason } => self.end(place, finish, EndState::Dead, Some(readable_reason(reason)), None),
            Outcome::Retry { after, reason } => {
                self.give_back(place, finish, Some(millis(*after)), 0, Some(reason), false);
            }
            Outcome::Released => self.give_back(place, finish, None, 1, None, false),
            Outcome::Died { reason } => self.give_back(place, finish, None, 0, Some(reason), false),
            Outcome::Deferred { after, reason } => {
                self.give_back(place, finish, Some(millis(*after)), 1, Some(reason), true);
            }
        }
    }

    fn end(&mut self, place: usize, finish: &Finish, state: EndState, reason: Option<String>, result: Option<String>) {
        self.ends.claims.push(place, finish);
        self.ends.states.push(state.as_str());
        self.ends.reasons.push(reason);
        self.ends.results.push(result);
    }

    fn give_back(
        &mut self,
        place: usize,
        finish: &Finish,
        after: Option<i64>,
        attempt_back: i64,
        reason: Option<&String>,
        is_unknown: bool,
    ) {
        self.gives_back.claims.push(place, finish);
        self.gives_back.after.push(after);
        self.gives_back.attempts_back.push(attempt_back);
        self.gives_back.reasons.push(reason.map(|reason| readable_reason(reason)));
        self.gives_back.are_unknown.push(is_unknown);
        self.gives_back.deaths.push(i64::from(matches!(finish.outcome, Outcome::Died { .. })));
    }

    /// Whether one statement does it all.
    pub(super) fn are_of_one_kind(&self) -> bool {
        let others = [&self.ends.claims, &self.gives_back.claims].into_iter().filter(|claims| !claims.ids.is_empty());
        others.count() + self.forgets.0.len() <= 1
    }

    /// Records them, and answers each.
    pub(super) async fn record(
        self,
        session: &mut Session,
        statements: &Statements,
        worker: &WorkerId,
        now: Option<i64>,
    ) -> Done<Vec<bool>> {
        let (worker, mut answers) = (worker.as_str(), vec![false; self.count]);
        let Self { ends, forgets, gives_back, .. } = self;
        for (fence, places) in forgets.0 {
            let ids: Vec<i64> = places.keys().copied().collect();
            let row = session.one(&statements.forget, |it| it.bind(worker).bind(ids).bind(fence)).await?;
            for id in row.try_get::<Vec<i64>, _>(0)? {
                if let Some(answer) = places.get(&id).and_then(|place| answers.get_mut(*place)) {
                    *answer = true;
                }
            }
        }
        let Ends { claims, states, reasons, results } = ends;
        if !claims.ids.is_empty() {
            let row = session
                .one(&statements.end, |it| {
                    let it = it.bind(worker).bind(&claims.ids).bind(&claims.fences);
                    it.bind(states).bind(reasons).bind(results).bind(now)
                })
                .await?;
            claims.accept(&row, &mut answers)?;
        }
        let GivesBack { claims, after, attempts_back, reasons, are_unknown, deaths } = gives_back;
        if !claims.ids.is_empty() {
            let row = session
                .one(&statements.give_back, |it| {
                    let it = it.bind(worker).bind(&claims.ids).bind(&claims.fences);
                    it.bind(after).bind(attempts_back).bind(reasons).bind(are_unknown).bind(now).bind(deaths)
                })
                .await?;
            claims.accept(&row, &mut answers)?;
        }
        Ok(answers)
    }
}

/// Ends waiting tasks; says how many.
pub(super) async fn end_waiting(
    session: &mut Session,
    statements: &Statements,
    ids: Vec<i64>,
    state: EndState,
    reason: &str,
    now: Option<i64>,
) -> Done<u64> {
    let state = state.as_str();
    session.change(&statements.end_waiting, |it| it.bind(ids).bind(state).bind(reason).bind(now)).await
}
