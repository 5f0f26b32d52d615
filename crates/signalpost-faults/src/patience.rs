//! Waiting, and how long it has taken.

use std::thread;
use std::time::{Duration, Instant};

use signalpost::BoxError;

/// Longer than anything here may take: what has not happened by then never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks again and again until something is so, and says how long that took.
///
/// # Errors
///
/// When it is not so after two minutes, with the end of the log.
pub(crate) fn until(
    what: &str,
    log: impl Fn() -> String,
    mut is_so: impl FnMut() -> Result<bool, BoxError>,
) -> Result<Duration, BoxError> {
    let began = Instant::now();
    while !is_so()? {
        if began.elapsed() > PATIENCE {
            let log = log();
            let end: Vec<&str> = log.lines().rev().take(30).collect();
            return Err(format!("{what}: not after {PATIENCE:?}; the log, newest first:\n{}", end.join("\n")).into());
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    Ok(began.elapsed())
}

/// Something that moves until it is done.
pub(crate) struct Progress {
    seen: Option<u64>,
    moved_at: Instant,
}

impl Progress {
    pub(crate) fn begin() -> Self {
        Self { seen: None, moved_at: Instant::now() }
    }

    /// Takes notice of where it stands, and gives it back.
    ///
    /// # Errors
    ///
    /// When it has not moved for two minutes.
    pub(crate) fn note(&mut self, stands: u64) -> Result<u64, BoxError> {
        if self.seen.replace(stands) != Some(stands) {
            self.moved_at = Instant::now();
        } else if self.moved_at.elapsed() > PATIENCE {
            return Err(format!("at {stands}, and nothing has moved for {PATIENCE:?}").into());
        }
        Ok(stands)
    }
}

/// The least, the middle and the most of some times.
pub(crate) fn range(times: &[Duration]) -> String {
    let mut times = times.to_vec();
    times.sort();
    match (times.first(), times.get(times.len() / 2), times.last()) {
        (Some(least), Some(middle), Some(most)) => {
            format!("{least:.2?} to {most:.2?}, median {middle:.2?} ({} kills)", times.len())
        }
        _ => "never".to_owned(),
    }
}
