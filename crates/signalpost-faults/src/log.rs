//! What the processes log, and how much of it in a time.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::ledger;

/// The ledger's time before each message.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", ledger::now())
    }
}

/// Logs to standard error, from now on: what the documentation tells a service to keep.
pub(crate) fn begin() {
    let filter = EnvFilter::new("info,sqlx::postgres::notice=error");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_timer(Clock)
        .init();
}

/// How much a process has logged.
#[derive(Debug, Default, Clone)]
pub struct LogRate {
    /// The lines: a message can have several.
    pub lines: Vec<String>,
    /// In what time.
    pub within: Duration,
    /// The most lines within a second.
    pub most_in_a_second: usize,
}

impl LogRate {
    /// Of a log, in the time from one moment to another by the ledger's clock.
    pub(crate) fn of(log: &str, range: Range<u64>) -> Self {
        let (mut at, mut times, mut lines) = (0, Vec::new(), Vec::new());
        for line in log.lines() {
            // What does not begin with a time belongs to the message before.
            at = line.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(at);
            if range.contains(&at) {
                times.push(at);
                lines.push(line.to_owned());
            }
        }
        let within_a_second = |from: u64| times.iter().filter(|at| (from..from + 1_000_000).contains(at)).count();
        let most_in_a_second = times.iter().map(|at| within_a_second(*at)).max().unwrap_or(0);
        Self { lines, within: Duration::from_micros(range.end - range.start), most_in_a_second }
    }
}

impl fmt::Display for LogRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines, within, most_in_a_second } = self;
        let lines = lines.len();
        write!(f, "{lines} lines in {within:.0?}, {most_in_a_second} at most within a second")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_the_time_of_their_message() {
        let log = "900000 INFO before\n1000000 WARN a\n  hint: b\n1999999 WARN c\n2500000 INFO d\n3000000 INFO after\n  hint: e";
        let rate = LogRate::of(log, 1_000_000..3_000_000);
        assert_eq!((rate.lines.len(), rate.most_in_a_second), (4, 3));
        assert_eq!(LogRate::of(log, 2_000_000..3_000_000).most_in_a_second, 1);
    }
}
