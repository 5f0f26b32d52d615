//! A worker that always has work, and somebody else who writes to the same file.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use signalpost::BoxError;

use crate::Site;

/// How much.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// How many tasks the worker drains.
    pub tasks: u32,
    /// How long the neighbour waits between two commits.
    pub every: Duration,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// How long each of the neighbour's commits took, in order of their length.
    pub commits: Vec<Duration>,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |percent: usize| self.commits.get((self.commits.len() * percent / 100).saturating_sub(1));
        let (median, most) = (part(50), part(99));
        let slowest = self.commits.last();
        writeln!(f, "{} commits: median {median:.1?}, p99 {most:.1?}, slowest {slowest:.1?}", self.commits.len())?;
        match &self.problems[..] {
            [] => write!(f, "none of the neighbour's commits failed"),
            problems => write!(f, "PROBLEMS:\n{}", problems.join("\n")),
        }
    }
}

/// Runs the scenario.
///
/// # Errors
///
/// When the scenario cannot be carried out. What it finds wrong is no error, but in the findings.
pub fn run(program: &Path, neighbour: &Neighbour) -> Result<Findings, BoxError> {
    let mut findings = Findings::default();
    let site = Site::new(program, Duration::from_secs(30), Duration::ZERO)?;
    let mut connection = Connection::open(site.database())?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE neighbour (number INTEGER NOT NULL)")?;
    let sent = site.send(neighbour.tasks)?;
    let worker = site.start()?;
    while site.finished()? < sent.len() {
        let began = Instant::now();
        match commit(&mut connection) {
            Ok(()) => findings.commits.push(began.elapsed()),
            Err(error) => findings.problems.push(format!("a commit failed after {:.1?}: {error}", began.elapsed())),
        }
        thread::sleep(neighbour.every);
    }
    findings.commits.sort_unstable();
    findings.problems.extend(site.close([worker])?);
    Ok(findings)
}

fn commit(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("INSERT INTO neighbour VALUES (1)", [])?;
    transaction.commit()
}
