//! How much a child is given at once.

use std::time::Duration;

use tokio::time::Instant;

/// What was handed over should begin within this.
pub(super) const BEGINS_WITHIN: Duration = Duration::from_millis(50);
/// What ends within this was short: its child can be given more.
const SHORT: Duration = Duration::from_millis(100);
const FIRST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(5);

/// How many runs a child may have in hand.
///
/// The engine does not know which tasks are asynchronous, nor how long any takes: so it finds out. The window grows while all that a
/// child was given begins at once or ends soon, and shrinks when something waits in the child.
#[derive(Debug)]
pub(super) struct Pace {
    window: usize,
    most: usize,
    /// Something has waited: from now on it grows by small steps, after a rest that is doubled each time.
    has_shrunk: bool,
    rest: Duration,
    grow_at: Instant,
    shrink_at: Instant,
}

impl Pace {
    pub(super) fn new(threads: usize, async_concurrency: usize, now: Instant) -> Self {
        // Enough that a child with one thread is not idle while its results travel.
        let most = (threads + async_concurrency).max(64);
        let window = (2 * threads).clamp(4, most);
        Self { window, most, has_shrunk: false, rest: FIRST_REST, grow_at: now, shrink_at: now }
    }

    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Runs have ended, of which the last was handed over `took` ago, in a child that had `in_hand`.
    pub(super) fn ended(&mut self, runs: usize, in_hand: usize, took: Duration) {
        if in_hand >= self.window && took <= SHORT {
            self.window = (self.window + runs).min(self.most);
        }
    }

    /// A look at the child: it has `in_hand` runs, of which `begun` have begun; the oldest of the others has waited for `waited`.
    pub(super) fn look(&mut self, in_hand: usize, begun: usize, waited: Option<Duration>, now: Instant) {
        match waited {
            None if in_hand >= self.window && now >= self.grow_at => {
                let step = if self.has_shrunk { (self.window / 8).max(1) } else { self.window };
                self.window = (self.window + step).min(self.most);
                self.grow_at = now + if self.has_shrunk { self.rest } else { Duration::ZERO };
            }
            Some(waited) if waited > BEGINS_WITHIN && now >= self.shrink_at => {
                self.window = (self.window / 2).max(begun).max(1);
                self.rest = if self.has_shrunk { (self.rest * 2).min(LONGEST_REST) } else { FIRST_REST };
                self.has_shrunk = true;
                self.grow_at = now + self.rest;
                self.shrink_at = now + BEGINS_WITHIN;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_child_whose_runs_all_begin_is_soon_given_all_it_can_take() {
        let mut pace = Pace::new(4, 100, Instant::now());
        assert_eq!(pace.window(), 8);
        for _ in 0..4 {
            pace.look(pace.window(), pace.window(), None, Instant::now());
        }
        assert_eq!(pace.window(), 104);
    }

    #[tokio::test(start_paused = true)]
    async fn a_child_in_which_runs_wait_is_given_no_more_than_it_runs() {
        let mut pace = Pace::new(4, 100, Instant::now());
        for _ in 0..4 {
            tokio::time::advance(60 * MS).await;
            pace.look(8, 4, Some(60 * MS), Instant::now());
        }
        assert_eq!(pace.window(), 4);
        // Tried again, after longer and longer rests, by one.
        pace.look(4, 4, None, Instant::now());
        assert_eq!(pace.window(), 4);
        tokio::time::advance(LONGEST_REST).await;
        pace.look(4, 4, None, Instant::now());
        assert_eq!(pace.window(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn short_runs_widen_the_window_and_long_ones_do_not() {
        let mut pace = Pace::new(1, 0, Instant::now());
        pace.ended(4, 4, 2 * MS);
        assert_eq!(pace.window(), 8);
        pace.ended(1, 8, 2_000 * MS);
        pace.ended(1, 3, MS);
        assert_eq!(pace.window(), 8);
        for _ in 0..100 {
            pace.ended(8, pace.window(), MS);
        }
        assert_eq!(pace.window(), 64);
    }
}
