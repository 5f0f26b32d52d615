//! A worker that works off what is waiting.

use std::time::Duration;

use signalpost::BoxError;
use signalpost_postgres_server::Server;
use tokio::runtime::Runtime;

use super::database::{Cost, Database};
use super::{raw, worker};
use crate::measure::{Measure, median};
use crate::ping::Runs;

pub(crate) fn run(server: &Server, quick: bool) -> Result<Vec<Measure>, BoxError> {
    let (rounds, tasks) = if quick { (3, 30_000) } else { (5, 100_000) };
    let runtime = Runtime::new()?;
    let mut measures = Vec::new();
    for keeps_history in [true, false] {
        let (mut ours, mut by_one, mut by_four) = (Turns::default(), Turns::default(), Turns::default());
        for _ in 0..rounds {
            ours.take(server, tasks, |database| {
                worker::drain(&runtime, database, &Runs::new(tasks), tasks, keeps_history)
            })?;
            for (connections, turns) in [(1, &mut by_one), (4, &mut by_four)] {
                turns.take(server, tasks, |database| {
                    Ok(runtime.block_on(raw::drain(database, connections, keeps_history))?.took)
                })?;
            }
        }
        let [ours, by_one, by_four] = [ours, by_one, by_four].map(Turns::medians);
        let (best, connections) = if by_four.rate > by_one.rate { (&by_four, "4") } else { (&by_one, "1") };
        let history = if keeps_history { "" } else { ", no history of successes" };
        measures.push(Measure::beside(
            format!("{tasks} no-op tasks drained{history} | {}", raw::name(keeps_history)),
            ours.rate,
            best.rate,
            "tasks/s",
            "at least 0.65",
        ));
        if !keeps_history {
            measures.push(Measure::alone(
                "  the same beside the best of the peers",
                ours.rate,
                "tasks/s",
                "over 73,500",
            ));
        }
        measures.push(Measure::beside(
            "  the reference by 1 connection | by 4",
            by_one.rate,
            by_four.rate,
            "tasks/s",
            "",
        ));
        let beside = |what: &str, of: fn(&Cost) -> f64, unit| {
            Measure::beside(format!("  {what} | by {connections}"), of(&ours.cost), of(&best.cost), unit, "")
        };
        measures.extend([
            beside("processor time of a task in the worker", |of| of.cpu * 1e6, "µs"),
            beside("processor time of a task in the server", |of| of.server_cpu * 1e6, "µs"),
            beside("commits for 1,000 tasks", |of| of.commits * 1e3, "commits"),
            beside("WAL of a task", |of| of.wal, "bytes"),
        ]);
    }
    Ok(measures)
}

/// What one side has done in its turns.
#[derive(Default)]
struct Turns {
    rates: Vec<f64>,
    costs: Vec<Cost>,
}

/// What one side does at the median.
struct Medians {
    rate: f64,
    cost: Cost,
}

impl Turns {
    /// Has its turn with a full queue of its own. `drain` says how long it has taken.
    fn take(
        &mut self,
        server: &Server,
        tasks: usize,
        drain: impl FnOnce(&Database<'_>) -> Result<Duration, BoxError>,
    ) -> Result<(), BoxError> {
        let database = Database::with_tasks(server, tasks)?;
        let before = database.cost()?;
        let took = drain(&database)?;
        let cost = database.cost()?.of_each(before, tasks);
        let left = database.run_sql("SELECT count(*) FROM signalpost_task")?;
        if left != "0" {
            return Err(format!("{left} tasks are left over of {tasks}").into());
        }
        self.rates.push(tasks as f64 / took.as_secs_f64());
        self.costs.push(cost);
        Ok(())
    }

    fn medians(mut self) -> Medians {
        let of = |number: fn(&Cost) -> f64| median(&mut self.costs.iter().map(number).collect::<Vec<_>>());
        let cost = Cost {
            commits: of(|cost| cost.commits),
            wal: of(|cost| cost.wal),
            cpu: of(|cost| cost.cpu),
            server_cpu: of(|cost| cost.server_cpu),
        };
        Medians { rate: median(&mut self.rates), cost }
    }
}
