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
    died_early: u32,
    not_before: Instant,
}

impl Starts {
    pub(super) fn new(now: Instant) -> Self {
        Self { failed: 0, died_early: 0, not_before: now }
    }

    /// A child has not come to its hello. True: that is enough.
    pub(super) fn fail(&mut self, now: Instant) -> bool {
        self.failed += 1;
        self.not_before = now + rest(self.failed);
        self.failed >= FAILED_STARTS
    }

    /// A child has died before it had ended a run.
    pub(super) fn die_early(&mut self, now: Instant) {
        self.died_early += 1;
        self.not_before = now + rest(self.died_early);
    }

    /// One has come to its hello.
    pub(super) fn succeed(&mut self) {
        self.failed = 0;
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
            assert_eq!(starts.fail(now), times == 5);
            rests.push((starts.not_before - now).as_millis());
        }
        assert_eq!(rests, [500, 1_000, 2_000, 4_000, 8_000]);
        assert_eq!(rest(100), LONGEST_REST);
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
