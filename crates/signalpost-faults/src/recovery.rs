//! How soon what the killed had in hand was taken up.

use std::fmt;
use std::time::Duration;

use crate::patience::range;

/// What is promised, where a death can be seen.
const PROMISED: Duration = Duration::from_secs(2);

/// From the kills, one time for each that left something.
#[derive(Debug, Default, Clone)]
pub struct Recovery {
    /// Until the dead worker's tasks were waiting again.
    pub waiting_after: Vec<Duration>,
    /// Until the first of them was claimed by another worker.
    pub claimed_after: Vec<Duration>,
}

impl Recovery {
    /// What took longer than is promised. On a machine that is busy with other things that says little.
    pub fn late(&self) -> Vec<String> {
        let late = |what: &str, times: &[Duration]| {
            let late: Vec<_> = times.iter().filter(|time| **time > PROMISED).collect();
            (!late.is_empty()).then(|| format!("{what} after more than {PROMISED:?}: {late:.2?}"))
        };
        let late = [late("waiting again", &self.waiting_after), late("first claimed", &self.claimed_after)];
        late.into_iter().flatten().collect()
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "waiting again after {}", range(&self.waiting_after))?;
        write!(f, "first claimed after {}", range(&self.claimed_after))?;
        self.late().iter().try_for_each(|late| write!(f, "\nLATE: {late}"))
    }
}
