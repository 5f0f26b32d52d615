//! A steady load for a long time, of which nothing may be left in the end.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use signalpost::BoxError;

use crate::crew::{Crew, CrewOptions};
use crate::judge::conclusion;
use crate::patience::Progress;
use crate::sender::SenderArguments;
use crate::stock::{Depot, Stock};
use crate::vitals::Vitals;

const WORKERS: usize = 2;
const SENDERS: u32 = 2;
/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The time is taken in so many parts: of ten minutes each is one.
const PARTS: usize = 10;
/// By how much a part may differ from an earlier one.
const FLAT: f64 = 0.1;

/// How much.
#[derive(Debug, Clone)]
pub struct Soak {
    /// For how long.
    pub during: Duration,
    /// Whether the database is PostgreSQL, in a server of its own.
    pub on_postgres: bool,
    /// How many tasks are sent in a second.
    pub rate: f64,
    /// How long successes are kept in the history.
    pub keep: Duration,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What was asked for.
    pub asked: String,
    /// The tasks that have ended.
    pub ended: u64,
    /// The most rows that the history had.
    pub most_history: u64,
    /// The parts of the time, one after the other.
    pub parts: Vec<Part>,
    /// What has grown, or became slower, by more than a tenth. In a few seconds, or beside other work, that says little.
    pub drift: Vec<String>,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

/// A part of the time, with the most that was seen in it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Part {
    /// Tasks that ended in a second.
    pub throughput: f64,
    /// Tasks that had not ended.
    pub live: u64,
    /// Rows of the history.
    pub history: u64,
    /// Bytes of the table of tasks, of its indexes, of the history and of its indexes.
    pub bytes: [u64; 4],
    /// Bytes of memory of all workers.
    pub memory: u64,
    /// Their open files.
    pub files: u64,
    /// Their threads.
    pub threads: u64,
}

impl Part {
    /// What it is to be compared by: its name, how much, and how much more is nothing in any case.
    fn measures(&self) -> [(&'static str, u64, u64); 8] {
        const PAGES: u64 = 1 << 20;
        let [tasks, tasks_indexes, history, history_indexes] = self.bytes;
        [
            ("rows of the history", self.history, 0),
            ("bytes of the table of tasks", tasks, PAGES),
            ("bytes of its indexes", tasks_indexes, PAGES),
            ("bytes of the history", history, PAGES),
            ("bytes of the history's indexes", history_indexes, PAGES),
            ("bytes of the workers' memory", self.memory, 4 << 20),
            ("files of the workers", self.files, 2),
            ("threads of the workers", self.threads, 1),
        ]
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let [tasks, tasks_indexes, history, history_indexes] = self.bytes.map(mib);
        let Part { throughput, live, history: rows, files, threads, .. } = self;
        write!(
            f,
            "{throughput:8.1}/s, live {live:6}, history {rows:7} rows, tasks {tasks:6.1} + {tasks_indexes:5.1} MiB, \
             history {history:6.1} + {history_indexes:5.1} MiB; workers {:5.1} MiB, {files} files, {threads} threads",
            mib(self.memory)
        )
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { asked, ended, parts, drift, problems, .. } = self;
        writeln!(f, "{asked}\n{ended} tasks have ended; the most that was seen in each part, tables + indexes:")?;
        parts.iter().zip(1..).try_for_each(|(part, number)| writeln!(f, "{number:3}: {part}"))?;
        drift.iter().try_for_each(|drift| writeln!(f, "DRIFT: {drift}"))?;
        f.write_str(&conclusion(problems, "everything that was sent has succeeded"))
    }
}

/// One look.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Duration,
    stock: Stock,
    vitals: Vitals,
}

/// Runs the scenario: two workers, and two senders that send at a steady rate.
///
/// # Errors
///
/// When the scenario cannot be carried out. What it finds wrong is no error, but in the findings.
pub fn run(program: &Path, soak: &Soak) -> Result<Findings, BoxError> {
    let options =
        CrewOptions { work: Duration::ZERO, keep_ended: Some(soak.keep), has_ledger: false, ..CrewOptions::default() };
    let depot =
        if soak.on_postgres { Depot::on_postgres(program, options)? } else { Depot::on_sqlite(program, options)? };
    let crew = depot.crew();
    let workers = crew.start_workers([None; WORKERS])?;
    let pids: Vec<u32> = workers.iter().map(|worker| worker.process.pid()).collect();
    let sender = |number: u32| SenderArguments {
        rate: Some(soak.rate / f64::from(SENDERS)),
        ballast: 200,
        ..SenderArguments::from(number * 100_000_000)
    };
    let senders = (0..SENDERS).map(|number| crew.start_sender(None, sender(number)));
    let senders = senders.collect::<Result<Vec<_>, _>>()?;
    crew.until("the senders to be there", || Ok(depot.stock()?.ended > 0))?;

    let (began, mut looks) = (Instant::now(), Vec::new());
    while looks.last().is_none_or(|look: &Look| look.at < soak.during) {
        let at = began.elapsed();
        looks.push(Look { at, stock: depot.stock()?, vitals: Vitals::sum(pids.iter().copied())? });
        thread::sleep((at + LOOK_EVERY).saturating_sub(began.elapsed()));
    }
    let mut problems = Crew::stop_senders(senders)?;
    let mut progress = Progress::begin();
    crew.until("everything to have ended", || Ok(progress.note(depot.stock()?.live)? == 0))?;
    let stock = depot.stock()?;
    if looks.iter().map(|look| look.stock.failed).chain([stock.failed]).any(|failed| failed > 0) {
        problems.push("some tasks have not succeeded".to_owned());
    }
    problems.extend(crew.stop_workers(workers)?);
    let parts = parts(&looks, soak.during);
    let most_history = parts.iter().map(|part| part.history).max().unwrap_or_default();
    Ok(Findings { asked: format!("{soak:?}"), ended: stock.ended, most_history, drift: drift(&parts), parts, problems })
}

fn parts(looks: &[Look], during: Duration) -> Vec<Part> {
    let bounds = (0..=PARTS as u32).map(|part| during * part / PARTS as u32).collect::<Vec<_>>();
    // From the last look before a bound to the last one before the next.
    let until = |bound: &Duration| looks.iter().rposition(|look| look.at <= *bound).unwrap_or(0);
    let part = |bounds: &[Duration]| {
        let looks = &looks[until(&bounds[0])..=until(&bounds[1])];
        let most = |of: fn(&Look) -> u64| looks.iter().map(of).max().unwrap_or_default();
        let (Some(first), Some(last)) = (looks.first(), looks.last()) else { return Part::default() };
        Part {
            throughput: (last.stock.ended - first.stock.ended) as f64 / (last.at - first.at).as_secs_f64(),
            live: most(|look| look.stock.live),
            history: most(|look| look.stock.history),
            bytes: [
                most(|look| look.stock.bytes[0]),
                most(|look| look.stock.bytes[1]),
                most(|look| look.stock.bytes[2]),
                most(|look| look.stock.bytes[3]),
            ],
            memory: most(|look| look.vitals.memory),
            files: most(|look| look.vitals.files),
            threads: most(|look| look.vitals.threads),
        }
    };
    bounds.windows(2).map(part).collect()
}

/// The throughput of the last part is compared with that of the second, and the most of everything else in the last three
/// with that of the second to the fifth: in the first one it has yet to become what it is.
fn drift(parts: &[Part]) -> Vec<String> {
    let (Some(second), Some(last)) = (parts.get(1), parts.last()) else { return Vec::new() };
    let mut drift = Vec::new();
    if (last.throughput / second.throughput - 1.0).abs() > FLAT {
        drift.push(format!("{:.1} tasks in a second, and {:.1} in the end", second.throughput, last.throughput));
    }
    let most =
        |parts: &[Part], place: usize| parts.iter().map(|part| part.measures()[place].1).max().unwrap_or_default();
    for (place, (name, _, slack)) in last.measures().into_iter().enumerate() {
        let (early, late) = (most(&parts[1..5], place), most(&parts[7..], place));
        if late as f64 > early as f64 * (1.0 + FLAT) + slack as f64 {
            drift.push(format!("{early} {name}, and {late} in the end"));
        }
    }
    drift
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(second: u64) -> Look {
        let stock = Stock { ended: second * 100, history: 1_000, bytes: [2 << 20; 4], ..Stock::default() };
        Look { at: Duration::from_secs(second), stock, vitals: Vitals { memory: 9 << 20, files: 20, threads: 5 } }
    }

    #[test]
    fn a_steady_course_does_not_drift() {
        let looks: Vec<Look> = (0..=100).map(look).collect();
        let parts = parts(&looks, Duration::from_secs(100));
        assert_eq!((parts.len(), parts[3].throughput, parts[3].memory), (PARTS, 100.0, 9 << 20));
        assert_eq!(drift(&parts), [""; 0]);
    }

    #[test]
    fn what_grows_or_slows_down_is_named() {
        let drifting = |second| {
            let mut look = look(second);
            look.vitals.files += second / 10;
            look.stock.bytes[2] += second << 16;
            look.stock.ended = if second > 90 { 9_000 + (second - 90) * 80 } else { look.stock.ended };
            look
        };
        let looks: Vec<Look> = (0..=100).map(drifting).collect();
        let drift = drift(&parts(&looks, Duration::from_secs(100)));
        assert_eq!(drift.len(), 3, "{drift:?}");
        assert_eq!(drift[0], "100.0 tasks in a second, and 80.0 in the end");
        assert!(drift[1].contains("bytes of the history") && drift[2].contains("files of the workers"), "{drift:?}");
    }
}
