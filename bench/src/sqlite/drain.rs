//! A worker that works off what is waiting.

use signalpost::BoxError;

use super::database::Database;
use super::limits::Limits;
use super::{raw, worker};
use crate::measure::{Measure, median};
use crate::ping::Runs;

pub(crate) fn run(quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (rounds, tasks) = if quick { (5, 20_000) } else { (5, 200_000) };
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    let (mut ahead, mut unreported) = (0, 0);
    for _ in 0..rounds {
        let database = Database::with_tasks(tasks)?;
        let runs = Runs::new(tasks);
        let mut limits = Limits::new(database.connect()?, runs.clone());
        let took = worker::drain(database.store()?, &database.connect()?, &runs, tasks, || limits.look())?;
        ours.push(tasks as f64 / took.as_secs_f64());
        ahead = ahead.max(limits.ahead);
        unreported = unreported.max(limits.unreported);

        let database = Database::with_tasks(tasks)?;
        let took = raw::drain(&database.connect()?)?;
        reference.push(tasks as f64 / took.as_secs_f64());
    }
    Ok(vec![
        Measure::beside(
            format!("{tasks} no-op tasks drained | finish 64 + claim 64"),
            median(&mut ours),
            median(&mut reference),
            "tasks/s",
            "at least 0.4",
        ),
        Measure::alone("  most seen claimed ahead", ahead as f64, "tasks", "at most 1,032"),
        Measure::alone("  most seen finished and not reported", unreported as f64, "tasks", "at most 512"),
    ])
}
