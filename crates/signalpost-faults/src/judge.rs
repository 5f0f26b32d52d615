//! What the ledger and the history say of each other.

use std::collections::HashMap;

use crate::Entry;
use crate::worker::Done;

/// A row of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its number.
    pub task: i64,
    /// How it ended.
    pub state: String,
    /// How many of its claims counted; the last one was accepted.
    pub attempt: u32,
    /// How many of them ended with the death of their runner.
    pub deaths: u32,
    /// The fence of the last one.
    pub fence: i64,
    /// Whose it was.
    pub worker: Option<String>,
    /// What its receiver returned.
    pub result: Option<String>,
    /// When, in milliseconds since 1970 by the store's clock.
    pub finished_at: i64,
}

impl Ended {
    /// Whose run's result was accepted.
    fn done(&self) -> Option<Done> {
        self.result.as_deref().and_then(|result| serde_json::from_str(result).ok())
    }
}

/// All that is known when everything is over.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The tasks that were sent.
    pub sent: Vec<i64>,
    /// What the workers have written, in order of time.
    pub entries: Vec<Entry>,
    /// What the store says.
    pub history: Vec<Ended>,
}

impl Evidence {
    /// Runs that began.
    pub fn runs(&self) -> usize {
        self.begun().count()
    }

    fn begun(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.ended)
    }

    /// The runs after which the same task has run once more.
    pub fn repeated(&self) -> Vec<&Entry> {
        let mut last: HashMap<i64, &Entry> = HashMap::new();
        self.begun().filter_map(|entry| last.insert(entry.task, entry)).collect()
    }

    /// The runs that came to their end although another one's result is the one that counts.
    pub fn refused(&self) -> Vec<&Entry> {
        let accepted: HashMap<i64, Option<Done>> = self.history.iter().map(|row| (row.task, row.done())).collect();
        let counts = |run: &Entry| {
            let done = Some(Done { pid: run.pid, attempt: run.attempt });
            accepted.get(&run.task).is_none_or(|accepted| *accepted == done)
        };
        self.entries.iter().filter(|run| run.ended && !counts(run)).collect()
    }

    /// What has cost an attempt, where nothing may have.
    pub fn costs(&self) -> Vec<String> {
        let cost = self.history.iter().filter(|row| row.attempt > 1 || row.deaths > 0);
        cost.map(|row| format!("task {} took {} attempts, {} of them deaths", row.task, row.attempt, row.deaths))
            .collect()
    }

    /// What must not be. `is_explained` says of a run whether its task may have run again: the process was killed with the
    /// task in its hands, for instance.
    pub fn problems(&self, is_explained: impl Fn(&Entry) -> bool) -> Vec<String> {
        let mut problems = Vec::new();
        let mut ended: HashMap<i64, Vec<Done>> = HashMap::new();
        for entry in self.entries.iter().filter(|entry| entry.ended) {
            ended.entry(entry.task).or_default().push(Done { pid: entry.pid, attempt: entry.attempt });
        }
        for task in self.sent.iter().filter(|task| !ended.contains_key(task)) {
            problems.push(format!("task {task} was lost: no run of it came to its end"));
        }
        if self.history.len() != self.sent.len() {
            problems.push(format!("{} tasks were sent, and {} have ended", self.sent.len(), self.history.len()));
        }
        let mut finished_at = HashMap::new();
        for row in &self.history {
            finished_at.insert(row.task, row.finished_at);
            if row.state != "succeeded" {
                problems.push(format!("task {} ended {}", row.task, row.state));
                continue;
            }
            let accepted = row.done().filter(|done| ended.get(&row.task).is_some_and(|runs| runs.contains(done)));
            if accepted.is_none_or(|done| done.attempt != row.attempt) {
                problems.push(format!("task {}: the result of an overtaken attempt was accepted: {row:?}", row.task));
            }
        }
        for run in self.begun() {
            // A task that runs is in nobody else's history yet; the store's clock counts whole milliseconds.
            if finished_at.get(&run.task).is_some_and(|at| i64::try_from(run.at / 1000).is_ok_and(|run| run > at + 1)) {
                problems.push(format!("task {} had ended and ran again: {run:?}", run.task));
            }
        }
        for run in self.repeated().into_iter().filter(|run| !is_explained(run)) {
            problems.push(format!("task {} ran again, and nothing explains it: {run:?}", run.task));
        }
        problems
    }
}

/// The last part of what a scenario says: `well`, or what is wrong.
pub(crate) fn conclusion(problems: &[String], well: &str) -> String {
    const SHOWN: usize = 30;
    let more = problems.len().saturating_sub(SHOWN);
    match problems {
        [] => well.to_owned(),
        _ if more == 0 => format!("PROBLEMS:\n{}", problems.join("\n")),
        _ => format!("PROBLEMS:\n{}\nand {more} more", problems[..SHOWN].join("\n")),
    }
}
