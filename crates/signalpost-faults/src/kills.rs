//! Two workers, one of which is killed and started again, many times.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use signalpost::BoxError;

use crate::judge::Evidence;
use crate::recovery::Recovery;
use crate::{Member, Site, ledger};

/// How much.
#[derive(Debug, Clone)]
pub struct Kills {
    /// How often a worker is killed.
    pub kills: u32,
    /// How many tasks are sent in all.
    pub tasks: u32,
    /// Where the random moments come from.
    pub seed: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What was asked for.
    pub asked: String,
    /// The tasks that were sent.
    pub sent: usize,
    /// Runs that began, in all.
    pub runs: usize,
    /// Tasks that were in the hands of a killed worker, in all.
    pub in_hand: usize,
    /// How soon the other one took them up.
    pub recovery: Recovery,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.asked)?;
        writeln!(f, "sent {}, runs {}, in the hands of the killed {}", self.sent, self.runs, self.in_hand)?;
        writeln!(f, "{}", self.recovery)?;
        match &self.problems[..] {
            [] => write!(f, "nothing lost, nothing overtaken, nothing run again that was finished"),
            problems => write!(f, "PROBLEMS:\n{}", problems.join("\n")),
        }
    }
}

/// Runs the scenario.
///
/// After each share of the tasks was sent, and a random part of it has been finished, a worker that holds tasks is
/// killed; when the other one has taken them up, it is started again.
///
/// # Errors
///
/// When the scenario cannot be carried out. What it finds wrong is no error, but in the findings.
pub fn run(program: &Path, kills: &Kills) -> Result<Findings, BoxError> {
    let mut random = fastrand::Rng::with_seed(kills.seed);
    let site = Site::new(program, Duration::from_secs(30), Duration::from_millis(3))?;
    let mut members = vec![site.start()?, site.start()?];
    let mut findings = Findings { asked: format!("{kills:?}"), ..Findings::default() };
    let mut sent = Vec::new();
    let mut killed = HashSet::new();
    let mut settled: Vec<(u64, HashSet<i64>)> = Vec::new();
    for round in 0..kills.kills {
        let share = kills.tasks * (round + 1) / kills.kills - kills.tasks * round / kills.kills;
        let before = site.finished()?;
        sent.extend(site.send(share)?);
        let enough = before + random.usize(0..=share as usize / 2);
        site.until("some tasks finished", || Ok(site.finished()? >= enough))?;
        let victim: Member = members.swap_remove(random.usize(0..2));
        let (worker, pid) = (victim.worker.clone(), victim.process.pid());
        victim.process.kill()?;
        let at = std::time::Instant::now();
        killed.insert(pid);
        let held = site.held_by(&worker)?;
        settled.push((ledger::now(), site.history()?.into_iter().map(|ended| ended.task).collect()));
        findings.in_hand += held.len();
        site.until("the dead worker's lease row gone", || Ok(!site.workers()?.contains(&worker)))?;
        findings.recovery.waiting_after.push(at.elapsed());
        if !held.is_empty() {
            site.until("its tasks taken up", || site.is_taken_up(&held, &worker))?;
            findings.recovery.claimed_after.push(at.elapsed());
        }
        members.push(site.start()?);
    }
    site.until("all tasks finished", || Ok(site.finished()? >= sent.len()))?;
    findings.problems.extend(site.close(members)?);
    findings.sent = sent.len();
    judge(&site, &sent, &killed, &settled, &mut findings)?;
    Ok(findings)
}

fn judge(
    site: &Site,
    sent: &[i64],
    killed: &HashSet<u32>,
    settled: &[(u64, HashSet<i64>)],
    findings: &mut Findings,
) -> Result<(), BoxError> {
    let evidence = Evidence { sent: sent.to_vec(), entries: site.ledger()?, history: site.history()? };
    findings.runs = evidence.runs();
    findings.problems.extend(evidence.problems(|run| killed.contains(&run.pid)));
    for (at, finished) in settled {
        for entry in evidence.entries.iter().filter(|entry| !entry.ended && entry.at > *at) {
            if finished.contains(&entry.task) {
                findings.problems.push(format!("task {} was in the history and ran again", entry.task));
            }
        }
    }
    Ok(())
}
