//! Workers and senders as on many machines, and a worker killed every second.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use signalpost::BoxError;
use signalpost_postgres_server::ServerOptions;

use crate::crew::{Crew, CrewOptions, Runner};
use crate::fleet::Fleet;
use crate::judge::conclusion;
use crate::killer::Killer;
use crate::patience::Progress;
use crate::recovery::Recovery;
use crate::sender::SenderArguments;

const WORKERS: usize = 3;
const SENDERS: u32 = 4;

/// How much.
#[derive(Debug, Clone)]
pub struct Machines {
    /// How many tasks are sent in all.
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
    /// The tasks that were sent.
    pub sent: usize,
    /// From the first send to the last task's end.
    pub took: Duration,
    /// How often a worker was killed.
    pub kills: usize,
    /// Tasks that were in the hands of a killed worker, in all.
    pub in_hand: usize,
    /// Runs that began, in all.
    pub runs: usize,
    /// How soon they were taken up.
    pub recovery: Recovery,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { asked, sent, took, kills, in_hand, recovery, runs, problems } = self;
        writeln!(f, "{asked}")?;
        writeln!(
            f,
            "sent {sent}, all ended after {took:.0?}; {kills} kills, in the hands of the killed {in_hand}, runs {runs}"
        )?;
        writeln!(f, "{recovery}")?;
        f.write_str(&conclusion(
            problems,
            "nothing lost, and nothing run again but what was in the hands of the killed",
        ))
    }
}

/// Runs the scenario: three worker processes and four sender processes, which send as fast as they can; again and again a
/// worker is killed and another one is started, until everything has ended.
///
/// # Errors
///
/// When the scenario cannot be carried out. What it finds wrong is no error, but in the findings.
pub fn run(program: &Path, machines: &Machines) -> Result<Findings, BoxError> {
    let fleet = Fleet::new(program, CrewOptions::default(), &ServerOptions::new())?;
    let mut workers = fleet.start_workers([None; WORKERS])?;
    let began = Instant::now();
    let mut senders = start_senders(&fleet, machines.tasks)?;
    let mut killer = Killer::new(machines.every, machines.seed);
    let mut progress = Progress::begin();
    loop {
        killer.turn(&fleet, &mut workers)?;
        let has_sent = senders.iter_mut().map(|sender| sender.process.has_ended()).collect::<Result<Vec<_>, _>>()?;
        if !has_sent.contains(&false) && progress.note(fleet.live()?)? == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let mut findings = Findings { asked: format!("{machines:?}"), took: began.elapsed(), ..Findings::default() };
    findings.problems.extend(Crew::end(senders)?);
    findings.problems.extend(fleet.close(workers)?);
    let (evidence, problems) = fleet.evidence()?;
    findings.problems.extend(problems);
    findings.problems.extend(evidence.problems(|run| killer.explains(run)));
    (findings.sent, findings.runs, findings.in_hand) = (evidence.sent.len(), evidence.runs(), killer.in_hand());
    if findings.sent != machines.tasks as usize {
        findings.problems.push(format!("{} of {} sends are in the ledger", findings.sent, machines.tasks));
    }
    let Killer { kills, recovery, .. } = killer;
    Ok(Findings { kills, recovery, ..findings })
}

fn start_senders(fleet: &Fleet, tasks: u32) -> Result<Vec<Runner>, BoxError> {
    let share = |sender: u32| tasks * (sender + 1) / SENDERS - tasks * sender / SENDERS;
    let start = |sender| {
        let count = Some(share(sender));
        fleet.start_sender(None, SenderArguments { count, at_once: 32, ..SenderArguments::from(sender * 100_000_000) })
    };
    (0..SENDERS).map(start).collect()
}
