//! Keeps the log short while the store fails.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After a failure that is told, the others are not told for so long; each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// Without a failure for so long, the next one is a new trouble.
const OVER_AFTER: Duration = Duration::from_secs(20);

/// What a worker's parts know of the store's failures. Whatever fails because the store is away is told once for all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<Told>>>);

#[derive(Debug)]
struct Told {
    at: Instant,
    pause: Duration,
    newest: Instant,
    untold: u64,
}

impl Trouble {
    /// Takes notice of a failure. `Some`: it is to be told, with the number of those before it that were not.
    pub(crate) fn note(&self) -> Option<u64> {
        let now = Instant::now();
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = place.as_mut().filter(|told| now - told.newest < OVER_AFTER) else {
            *place = Some(Told { at: now, pause: FIRST_PAUSE, newest: now, untold: 0 });
            return Some(0);
        };
        told.newest = now;
        if now - told.at < told.pause {
            told.untold += 1;
            return None;
        }
        (told.at, told.pause) = (now, (told.pause * 2).min(LONGEST_PAUSE));
        Some(std::mem::take(&mut told.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn of_many_failures_ever_fewer_are_told_and_all_are_counted() {
        let trouble = Trouble::default();
        let (mut told, mut counted) = (Vec::new(), 0);
        for tenth in 0..600 {
            if let Some(untold) = trouble.note() {
                told.push(tenth / 10);
                counted += untold + 1;
            }
            advance(Duration::from_millis(100)).await;
        }
        assert_eq!(told, [0, 2, 6, 14, 30, 46]);
        assert_eq!(counted, 461);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_are_far_apart_are_all_told() {
        let trouble = Trouble::default();
        for _ in 0..5 {
            assert_eq!(trouble.note(), Some(0));
            advance(OVER_AFTER).await;
        }
    }
}
