//! When children may be started: not again and again where they cannot.

use std::time::Duration;

use tokio::time::Instant;

/// After so many failed starts in a row nothing is expected of another one.
const FAILED_STARTS: u32 = 5;
const FIRST_REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// When children may be started.
#[derive(Debug)]
pub(super) struct Starts {
    failed: u32,
    failed_at: Option<Instant>,
    died_early: u32,
    not_before: Instant,
}

impl Starts {
    pub(super) fn new(now: Instant) -> Self {
        Self { failed: 0, failed_at: None, died_early: 0, not_before: now }
    }

    /// A child that was started then has not come to its hello. True: that is enough.
    pub(super) fn fail(&mut self, started_at: Instant, now: Instant) -> bool {
        // Those that were started together fail together, of one cause: it may be gone when the next ones are started.
        if self.failed_at.is_none_or(|failed_at| failed_at <= started_at) {
            self.failed += 1;
            self.failed_at = Some(now);
            self.not_before = now + rest(self.failed);
        }
        self.failed >= FAILED_STARTS
    }

    /// A child has died before it had ended a run.
    pub(super) fn die_early(&mut self, now: Instant) {
        self.died_early += 1;
        self.not_before = now + rest(self.died_early);
    }

    /// One has come to its hello.
    pub(super) fn succeed(&mut self) {
        (self.failed, self.failed_at) = (0, None);
    }

    /// From when on the next one may be started.
    pub(super) fn not_before(&self) -> Instant {
        self.not_before
    }

    pub(super) fn end_a_run(&mut self) {
        self.died_early = 0;
    }
}

fn rest(times: u32) -> Duration {
    FIRST_REST.saturating_mul(1 << (times.max(1) - 1).min(10)).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failed_starts_are_repeated_after_longer_and_longer_rests() {
        let now = Instant::now();
        let mut starts = Starts::new(now);
        let mut rests = Vec::new();
        for times in 1..=5 {
            assert_eq!(starts.fail(now, now), times == 5);
            rests.push((starts.not_before - now).as_millis());
        }
        assert_eq!(rests, [500, 1_000, 2_000, 4_000, 8_000]);
        assert_eq!(rest(100), LONGEST_REST);
    }

    #[tokio::test(start_paused = true)]
    async fn children_that_were_started_together_fail_once() {
        let began = Instant::now();
        let mut starts = Starts::new(began);
        for _ in 0..2 * FAILED_STARTS {
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(!starts.fail(began, Instant::now()));
        }
        assert_eq!(starts.not_before, began + Duration::from_millis(501));
        let again = starts.not_before;
        starts.fail(again, again);
        assert_eq!(starts.not_before, again + Duration::from_secs(1));
        // One of the first round that has taken longer.
        starts.fail(began, again + LONGEST_REST);
        assert_eq!(starts.not_before, again + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_child_that_has_ended_a_run_is_replaced_at_once() {
        let now = Instant::now();
        let mut starts = Starts::new(now);
        starts.die_early(now);
        starts.die_early(now);
        assert_eq!(starts.not_before, now + Duration::from_secs(1));
        starts.end_a_run();
        starts.die_early(now);
        assert_eq!(starts.not_before, now + Duration::from_millis(500));
    }
}
