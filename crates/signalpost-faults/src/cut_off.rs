//! Workers and senders on hosts of their own, a worker killed every second, and one host cut off for longer than its lease.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use signalpost::BoxError;

use crate::Entry;
use crate::crew::{Crew, CrewOptions, Runner};
use crate::fleet::Fleet;
use crate::judge::conclusion;
use crate::killer::Killer;
use crate::ledger;
use crate::network::{Host, Network};
use crate::patience::Progress;
use crate::recovery::Recovery;
use crate::sender::SenderArguments;

const WORKERS: usize = 3;
const SENDERS: u8 = 4;
/// How many workers are killed before the host is cut off.
const KILLS_BEFORE: usize = 2;
/// So many tasks in a second take so long: such ones are in hand at any time, and end while the host is cut off.
const LONG: (f64, Duration) = (10.0, Duration::from_secs(2));

/// Longer than the server takes to find out, the lease, and the way back.
const LOST_AFTER: Duration = Duration::from_secs(240);

/// How much.
#[derive(Debug, Clone)]
pub struct CutOff {
    /// How many tasks are sent in all, at least.
    pub tasks: u32,
    /// How many of them in a second.
    pub rate: f64,
    /// How long between two kills, on average.
    pub every: Duration,
    /// The workers' lease.
    pub lease: Duration,
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
    /// How soon they were taken up.
    pub recovery: Recovery,
    /// Tasks that were in the hands of the worker whose host was cut off.
    pub cut_off_in_hand: usize,
    /// How long the host was cut off.
    pub cut_off_for: Duration,
    /// When in that time the worker's lease was taken.
    pub given_up_after: Duration,
    /// From the link's return until the worker had a new lease and has run something.
    pub back_after: Duration,
    /// Its runs that came to their end, and whose results do not count because another run has overtaken them.
    pub refused: usize,
    /// Runs that began, of all workers.
    pub runs: usize,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { asked, sent, took, kills, in_hand, recovery, runs, problems, .. } = self;
        let Findings { cut_off_in_hand, cut_off_for, given_up_after, back_after, refused, .. } = self;
        writeln!(f, "{asked}")?;
        writeln!(
            f,
            "sent {sent}, all ended after {took:.0?}; {kills} kills, in the hands of the killed {in_hand}, runs {runs}"
        )?;
        writeln!(f, "{recovery}")?;
        writeln!(
            f,
            "one host cut off for {cut_off_for:.1?} with {cut_off_in_hand} tasks in hand: given up after \
             {given_up_after:.1?}, at work again {back_after:.1?} after its return, {refused} results refused"
        )?;
        f.write_str(&conclusion(
            problems,
            "nothing lost, nothing run again but what was in the hands of the killed and of the one cut off, and no result \
             of an overtaken attempt accepted",
        ))
    }
}

/// Runs the scenario: three workers and four senders, each in a network namespace of its own, and the server in another.
/// Again and again a worker is killed and another one started on its host. One worker's host is cut off for twice its lease
/// at least, and until others have taken up its tasks; that one is not killed then. The senders go on until it works again.
///
/// # Errors
///
/// When the scenario cannot be carried out. What it finds wrong is no error, but in the findings.
pub fn run(program: &Path, cut_off: &CutOff) -> Result<Findings, BoxError> {
    let network = Network::new(WORKERS as u8 + SENDERS)?;
    let crew = CrewOptions { lease: cut_off.lease, ..CrewOptions::default() };
    let fleet = Fleet::within(&network, program, crew)?;
    let (at_work, sending) = network.hosts().split_at(WORKERS);
    let mut workers = fleet.start_workers(at_work.iter().map(Some))?;
    let began = Instant::now();
    let senders = (0..).zip(sending).map(|(number, host)| start_sender(&fleet, host, number, cut_off));
    let senders = senders.collect::<Result<Vec<_>, _>>()?;
    let mut killer = Killer::new(cut_off.every, cut_off.seed);
    let mut absence = None::<Absence<'_>>;
    let mut progress = Progress::begin();
    while absence.as_ref().is_none_or(|absence| absence.back_after.is_none()) || fleet.newest()? < cut_off.tasks.into()
    {
        let (lonely, others) = workers.split_last_mut().ok_or("no workers")?;
        if let Some(absence) = &mut absence {
            killer.turn(&fleet, others)?;
            absence.turn(&fleet, lonely, cut_off.lease)?;
        } else {
            killer.turn(&fleet, &mut workers)?;
            if killer.kills >= KILLS_BEFORE {
                absence = Absence::begin(&fleet, &at_work[WORKERS - 1], &workers[WORKERS - 1])?;
            }
        }
        progress.note(fleet.newest()?)?;
        thread::sleep(Duration::from_millis(5));
    }
    let mut findings = Findings { asked: format!("{cut_off:?}"), ..Findings::default() };
    findings.problems.extend(Crew::stop_senders(senders)?);
    let mut progress = Progress::begin();
    while progress.note(fleet.live()?)? > 0 {
        killer.follow(&fleet)?;
        thread::sleep(Duration::from_millis(5));
    }
    findings.took = began.elapsed();
    findings.problems.extend(fleet.close(workers)?);
    let (evidence, problems) = fleet.evidence()?;
    findings.problems.extend(problems);
    let absence = absence.ok_or("the host was never cut off")?;
    findings.problems.extend(evidence.problems(|run| killer.explains(run) || absence.explains(run)));
    findings.refused = evidence.refused().iter().filter(|run| run.pid == absence.pid).count();
    let Absence { held, cut_off_for, given_up_after, back_after, .. } = absence;
    Ok(Findings {
        sent: evidence.sent.len(),
        runs: evidence.runs(),
        kills: killer.kills,
        in_hand: killer.in_hand(),
        recovery: killer.recovery,
        cut_off_in_hand: held.len(),
        cut_off_for: cut_off_for.unwrap_or_default(),
        given_up_after: given_up_after.unwrap_or_default(),
        back_after: back_after.unwrap_or_default(),
        ..findings
    })
}

fn start_sender(fleet: &Fleet, host: &Host, number: u32, cut_off: &CutOff) -> Result<Runner, BoxError> {
    let (in_a_second, long) = LONG;
    let arguments = SenderArguments {
        rate: Some(cut_off.rate / f64::from(SENDERS)),
        repeat: true,
        long_every: Some((cut_off.rate / in_a_second).ceil() as u32),
        long_ms: Some(u64::try_from(long.as_millis())?),
        ..SenderArguments::from(number * 100_000_000)
    };
    fleet.start_sender(Some(host), arguments)
}

/// A worker that nobody can reach, until it works again.
struct Absence<'a> {
    host: &'a Host,
    pid: u32,
    worker: String,
    began: Instant,
    /// What its id stands on, from the beginning until its lease is taken.
    held: HashSet<i64>,
    given_up_after: Option<Duration>,
    cut_off_for: Option<Duration>,
    /// When the link came back, as the ledger counts.
    returned_at: u64,
    back_after: Option<Duration>,
}

impl<'a> Absence<'a> {
    /// Cuts it off, if it has something in hand.
    fn begin(fleet: &Fleet, host: &'a Host, runner: &Runner) -> Result<Option<Self>, BoxError> {
        let Some(worker) = runner.workers().pop() else { return Ok(None) };
        if fleet.held_by(&worker)?.is_empty() {
            return Ok(None);
        }
        host.cut_off()?;
        let (held, given_up_after, cut_off_for, returned_at, back_after) = Default::default();
        let (pid, began) = (runner.process.pid(), Instant::now());
        Ok(Some(Self { host, pid, worker, began, held, given_up_after, cut_off_for, returned_at, back_after }))
    }

    fn turn(&mut self, fleet: &Fleet, runner: &Runner, lease: Duration) -> Result<(), BoxError> {
        let so_far = self.began.elapsed();
        if so_far > LOST_AFTER {
            return Err(format!("a worker was cut off {so_far:.0?} ago, and does not work again").into());
        }
        if self.given_up_after.is_none() {
            // What had arrived before the link was gone may still be carried out.
            self.held.extend(fleet.held_by(&self.worker)?);
            if !fleet.has_lease(&self.worker)? {
                self.given_up_after = Some(so_far);
            }
        } else if self.cut_off_for.is_none() && so_far >= lease * 2 {
            self.host.connect()?;
            (self.cut_off_for, self.returned_at) = (Some(so_far), ledger::now());
        } else if let (Some(cut_off_for), None) = (self.cut_off_for, self.back_after)
            && runner.workers().pop().is_some_and(|worker| worker != self.worker)
            && fleet.runs_of(self.pid)?.iter().any(|run| !run.ended && run.at > self.returned_at)
        {
            self.back_after = Some(so_far.saturating_sub(cut_off_for));
        }
        Ok(())
    }

    /// Whether the run was in its hands when it was cut off.
    fn explains(&self, run: &Entry) -> bool {
        run.pid == self.pid && self.held.contains(&run.task)
    }
}
