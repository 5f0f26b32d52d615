//! How fast the worker is, and so how far it claims ahead.

use std::time::Duration;

use tokio::time::Instant;

/// No claim takes more than this.
const MOST: usize = 1000;
/// What is claimed ahead should be started within this.
const AHEAD: Duration = Duration::from_millis(50);
const WINDOW: Duration = Duration::from_millis(100);
/// So many runs say how fast the worker is before the window is over: it has more to do than it holds.
const ENOUGH: u32 = 64;

/// Runs per second, smoothed.
#[derive(Debug)]
pub(crate) struct Pace {
    window_began: Instant,
    in_window: u32,
    per_second: f64,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { window_began: now, in_window: 0, per_second: 0.0 }
    }

    pub(crate) fn count_run(&mut self, now: Instant) {
        self.in_window += 1;
        let elapsed = now - self.window_began;
        if elapsed >= WINDOW || (self.in_window >= ENOUGH && !elapsed.is_zero()) {
            let measured = f64::from(self.in_window) / elapsed.as_secs_f64();
            self.per_second = (self.per_second + measured) / 2.0;
            (self.window_began, self.in_window) = (now, 0);
        }
    }

    /// How many tasks to hold, running ones included: what runs at once and what will be started within 50 ms, at
    /// least twice the concurrency, at most a thousand.
    pub(crate) fn hold(&self, concurrency: usize, now: Instant) -> usize {
        let elapsed = (now - self.window_began).as_secs_f64();
        // A pace that nobody keeps up any more is no pace.
        let at_most = (f64::from(self.in_window) + 1.0) / elapsed.max(WINDOW.as_secs_f64());
        let per_second =
            if elapsed > 2.0 * WINDOW.as_secs_f64() { self.per_second.min(at_most) } else { self.per_second };
        let soon = (per_second * AHEAD.as_secs_f64()) as usize;
        (concurrency + soon).max(2 * concurrency).min(MOST.max(concurrency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_claims_ahead_what_it_will_start_within_50_ms() {
        let mut pace = Pace::new(Instant::now());
        assert_eq!(pace.hold(8, Instant::now()), 16);
        for _ in 0..100 {
            tokio::time::advance(WINDOW).await;
            for _ in 0..1_000 {
                pace.count_run(Instant::now());
            }
        }
        assert!((490..520).contains(&pace.hold(8, Instant::now())), "{}", pace.hold(8, Instant::now()));
        assert_eq!(pace.hold(600, Instant::now()), MOST.min(1_200));
        assert_eq!(pace.hold(2_000, Instant::now()), 2_000);
        // Nothing has run for long: the burst is forgotten.
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(pace.hold(8, Instant::now()), 16);
    }
}
