//! Workers and senders at a steady load whose server is disturbed.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use signalpost::BoxError;
use signalpost_postgres_server::ServerOptions;

use crate::crew::{Crew, CrewOptions};
use crate::disturbance::Disturbance;
use crate::fleet::Fleet;
use crate::judge::{Evidence, conclusion};
use crate::ledger;
use crate::log::LogRate;
use crate::patience::Progress;
use crate::sender::SenderArguments;

const WORKERS: usize = 3;
const SENDERS: u32 = 2;
/// What has ended before the disturbance begins: everybody is at work.
const TASKS_BEFORE: i64 = 50;
/// So many tasks in a second take longer, and each sender's first: such ones are in hand at any time.
const LONG: (f64, Duration) = (10.0, Duration::from_secs(1));
/// Where they are to take as long as the lease there are fewer of them.
const LONGER: f64 = 2.0;

/// How much.
#[derive(Debug, Clone)]
pub struct Disturbed {
    /// What is done to the server.
    pub by: Disturbance,
    /// How many tasks are sent in a second.
    pub rate: f64,
    /// The workers' lease.
    pub lease: Duration,
    /// How many lines a worker may log within any second.
    pub most_lines: usize,
    /// Where the random moments come from.
    pub seed: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What was asked for.
    pub asked: String,
    /// How long the disturbance was.
    pub lasted: Duration,
    /// From its end until a task has ended that was sent after that.
    pub resumed_after: Duration,
    /// The tasks that were sent.
    pub sent: usize,
    /// Runs that began.
    pub runs: usize,
    /// Tasks that ran more than once.
    pub again: usize,
    /// From the return of a send to the beginning of its first run, at worst, of those sent in the disturbance.
    pub slowest: Duration,
    /// Of the worker that logged most in a second, from the beginning of the disturbance until work went on.
    pub log: LogRate,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { asked, lasted, resumed_after, sent, runs, again, slowest, log, problems } = self;
        writeln!(f, "{asked}")?;
        writeln!(f, "it took {lasted:.1?}, and work went on {resumed_after:.1?} after it")?;
        writeln!(
            f,
            "sent {sent}, runs {runs}, run again {again}; a task sent meanwhile began after {slowest:.1?} at most"
        )?;
        writeln!(f, "a worker's log: {log}")?;
        log.lines.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        f.write_str(&conclusion(problems, "nothing lost, and nothing run again but what the outage explains"))
    }
}

/// Runs the scenario: three workers, and two senders that repeat what fails. After the disturbance everybody goes on until
/// everything has ended.
///
/// An outage that is shorter than the lease may cost nothing; a longer one, another run of what was in hand, once.
///
/// # Errors
///
/// When the scenario cannot be carried out. What it finds wrong is no error, but in the findings.
pub fn run(program: &Path, disturbed: &Disturbed) -> Result<Findings, BoxError> {
    let Disturbed { by, lease, seed, .. } = disturbed;
    let crew = CrewOptions { lease: *lease, ..CrewOptions::default() };
    let fleet = Fleet::new(program, crew, &ServerOptions::new())?;
    let workers = fleet.start_workers([None; WORKERS])?;
    let senders = (0..SENDERS).map(|number| fleet.start_sender(None, sender(number, disturbed)));
    let senders = senders.collect::<Result<Vec<_>, _>>()?;
    fleet.until("everybody to be at work", || fleet.has_ended_beyond(TASKS_BEFORE))?;
    let (began, began_at) = (Instant::now(), ledger::now());
    by.inflict(&fleet, WORKERS, &mut Rng::with_seed(*seed))?;
    let (lasted, over, over_at) = (began.elapsed(), Instant::now(), ledger::now());
    let newest = i64::try_from(fleet.newest()?)?;
    fleet.until("work to go on", || fleet.has_ended_beyond(newest))?;
    let (resumed_after, resumed_at) = (over.elapsed(), ledger::now());

    let mut problems = Crew::stop_senders(senders)?;
    let mut progress = Progress::begin();
    fleet.until("everything to have ended", || Ok(progress.note(fleet.live()?)? == 0))?;
    let logs: Vec<String> = workers.iter().map(|worker| worker.log()).collect();
    problems.extend(fleet.close(workers)?);
    let (evidence, inconsistent) = fleet.evidence()?;
    problems.extend(inconsistent);
    // Who could not renew has let go of everything that it had begun.
    let is_long = by.outage() >= *lease;
    problems.extend(evidence.problems(|run| is_long && run.at < over_at));
    if !is_long {
        problems.extend(evidence.costs());
    }
    let again = evidence.repeated();
    problems.extend(twice(&evidence).map(|task| format!("task {task} ran again more than once")));
    let log = logs
        .iter()
        .map(|log| LogRate::of(log, began_at..resumed_at))
        .max_by_key(|rate| (rate.most_in_a_second, rate.lines.len()));
    let log = log.unwrap_or_default();
    if log.most_in_a_second > disturbed.most_lines {
        problems.push(format!("a worker has logged {log}"));
    }
    Ok(Findings {
        asked: format!("{by} (lease {lease:?}, seed {seed})"),
        lasted,
        resumed_after,
        sent: evidence.sent.len(),
        runs: evidence.runs(),
        again: again.len(),
        slowest: fleet.slowest_start(began_at..over_at, &evidence)?,
        log,
        problems,
    })
}

fn sender(number: u32, disturbed: &Disturbed) -> SenderArguments {
    let Disturbed { by, rate, lease, .. } = disturbed;
    // What runs when the server goes still runs when the lease is over.
    let (in_a_second, long) = if by.outage() >= *lease { (LONGER, by.outage()) } else { LONG };
    SenderArguments {
        rate: Some(rate / f64::from(SENDERS)),
        repeat: true,
        long_every: Some((rate / in_a_second).ceil() as u32),
        long_ms: u64::try_from(long.as_millis()).ok(),
        ..SenderArguments::from(number * 100_000_000)
    }
}

/// Tasks that ran three times or more.
fn twice(evidence: &Evidence) -> impl Iterator<Item = i64> {
    let mut again: HashMap<i64, u32> = HashMap::new();
    for run in evidence.repeated() {
        *again.entry(run.task).or_default() += 1;
    }
    again.into_iter().filter(|(_, times)| *times > 1).map(|(task, _)| task)
}
