//! Two workers of an atomic receiver, which are killed and started again all the time.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use signalpost::BoxError;

use crate::Site;
use crate::patience::Progress;

/// How much.
#[derive(Debug, Clone)]
pub struct Atomic {
    /// How many tasks are sent; each adds 1 to the counter.
    pub tasks: u32,
    /// How long between two kills, on average.
    pub every: Duration,
    /// Where the random moments come from.
    pub seed: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What was asked for.
    pub asked: String,
    /// How often a worker was killed.
    pub kills: u32,
    /// Tasks that were in the hands of a killed worker, in all.
    pub in_hand: usize,
    /// What the counter says in the end.
    pub counter: u64,
    /// From the first kill to the last task's end.
    pub took: Duration,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { asked, kills, in_hand, counter, took, problems } = self;
        writeln!(f, "{asked}")?;
        writeln!(f, "{kills} kills in {took:.0?}, in the hands of the killed {in_hand}, the counter says {counter}")?;
        match &problems[..] {
            [] => write!(f, "every task has added 1, once"),
            problems => write!(f, "PROBLEMS:\n{}", problems.join("\n")),
        }
    }
}

/// Runs the scenario: whichever worker the kill hits is started again at once, until every task has ended.
///
/// # Errors
///
/// When the scenario cannot be carried out. What it finds wrong is no error, but in the findings.
pub fn run(program: &Path, atomic: &Atomic) -> Result<Findings, BoxError> {
    let mut random = fastrand::Rng::with_seed(atomic.seed);
    // Everything here dies again and again, and none of it is a task's own doing.
    let site = Site::new(program, Duration::from_secs(30), Duration::ZERO)?.with_deaths_alone(u32::MAX);
    site.send_additions(atomic.tasks)?;
    let mut members = vec![site.start()?, site.start()?];
    let mut findings = Findings { asked: format!("{atomic:?}"), ..Findings::default() };
    let began = Instant::now();
    let mut progress = Progress::begin();
    loop {
        thread::sleep(atomic.every.mul_f64(0.5 + random.f64()));
        if progress.note(site.finished()? as u64)? >= atomic.tasks.into() {
            break;
        }
        let victim = members.swap_remove(random.usize(0..2));
        let worker = victim.worker.clone();
        victim.process.kill()?;
        findings.kills += 1;
        findings.in_hand += site.held_by(&worker)?.len();
        members.push(site.start()?);
    }
    findings.took = began.elapsed();
    findings.problems.extend(site.close(members)?);
    findings.counter = site.counter()?;
    if findings.counter != u64::from(atomic.tasks) {
        findings.problems.push(format!("{} tasks have added {}", atomic.tasks, findings.counter));
    }
    for row in site.history()?.iter().filter(|row| row.state != "succeeded") {
        findings.problems.push(format!("task {} ended {}", row.task, row.state));
    }
    Ok(findings)
}
