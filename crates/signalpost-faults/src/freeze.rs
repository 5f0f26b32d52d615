//! Two workers, one of which is stopped for longer than its lease and continued.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use signalpost::BoxError;

use crate::Site;

/// How much.
#[derive(Debug, Clone)]
pub struct Freeze {
    /// How many tasks are sent before, and again after.
    pub tasks: u32,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Tasks in the hands of the worker when it was stopped.
    pub in_hand: usize,
    /// From the stop until its tasks were waiting again.
    pub waiting_after: Duration,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "in hand at the stop {}, waiting again after {:.0?}", self.in_hand, self.waiting_after)?;
        match &self.problems[..] {
            [] => write!(f, "the thawed worker changed nothing that the other had taken over, and works on"),
            problems => write!(f, "PROBLEMS:\n{}", problems.join("\n")),
        }
    }
}

/// Runs the scenario.
///
/// # Errors
///
/// When the scenario cannot be carried out. What it finds wrong is no error, but in the findings.
pub fn run(program: &Path, freeze: &Freeze) -> Result<Findings, BoxError> {
    let mut findings = Findings::default();
    let lease = Duration::from_secs(2);
    let site = Site::new(program, lease, Duration::from_millis(40))?;
    let (frozen, living) = (site.start()?, site.start()?);
    let mut sent = site.send(freeze.tasks)?;
    // In the middle of its work: it holds tasks, and has runs under way.
    site.until("the worker to have finished something", || {
        Ok(site.history()?.iter().any(|row| row.worker.as_deref() == Some(&frozen.worker)))
    })?;
    let held = loop {
        site.freeze_outside_a_write(&frozen)?;
        let held = site.held_by(&frozen.worker)?;
        if !held.is_empty() {
            break held;
        }
        // Everything had ended when the stop came, which then shows nothing.
        frozen.process.thaw()?;
        sent.extend(site.send(freeze.tasks)?);
        site.until("the worker to hold something", || Ok(!site.held_by(&frozen.worker)?.is_empty()))?;
    };
    findings.in_hand = held.len();
    findings.waiting_after = site.until("its lease to be taken", || Ok(!site.workers()?.contains(&frozen.worker)))?;
    site.until("the other one to finish everything", || Ok(site.finished()? >= sent.len()))?;
    let before = site.history()?;

    // Before the thaw: a thawed worker is quick to find out.
    let known = site.workers()?;
    frozen.process.thaw()?;
    site.until("the thawed worker to take a new lease", || Ok(site.workers()?.difference(&known).next().is_some()))?;
    sent.extend(site.send(freeze.tasks)?);
    site.until("both to go on", || Ok(site.finished()? >= sent.len()))?;
    let after = site.history()?;
    if after[..before.len()] != before[..] {
        findings.problems.push("the thawed worker changed what another had finished".to_owned());
    }
    for row in &after {
        if row.state != "succeeded" {
            findings.problems.push(format!("task {} ended {}", row.task, row.state));
        }
        if held.contains(&row.task) && row.worker.as_deref() == Some(&frozen.worker) {
            findings.problems.push(format!("task {} was finished by the worker that had been overtaken", row.task));
        }
    }
    let newcomers = after[before.len()..].iter().filter(|row| row.worker.as_deref() != Some(&living.worker)).count();
    if newcomers == 0 {
        findings.problems.push("the thawed worker did nothing more".to_owned());
    }
    findings.problems.extend(site.close([frozen, living])?);
    Ok(findings)
}
