//! How this program has got on with its server: what it may conclude about others from what it sees.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// Without an answer for so long, and with failures in between, the server was away.
const AWAY_AFTER: Duration = Duration::from_secs(2);

/// When the server has answered, and when it has not.
#[derive(Debug)]
pub(super) struct Contact {
    lost_at: Cell<Option<Instant>>,
    answered_at: Cell<Instant>,
    back_at: Cell<Option<Instant>>,
}

impl Contact {
    pub(super) fn new() -> Self {
        Self { lost_at: Cell::default(), answered_at: Cell::new(Instant::now()), back_at: Cell::default() }
    }

    /// A connection was lost, or could not be had.
    pub(super) fn lose(&self) {
        self.lost_at.set(Some(Instant::now()));
    }

    /// A call was answered.
    pub(super) fn answer(&self) {
        let now = Instant::now();
        let before = self.answered_at.replace(now);
        if now - before > AWAY_AFTER && self.lost_at.get().is_some_and(|lost_at| lost_at >= before) {
            self.back_at.set(Some(now));
        }
    }

    /// Whether it has answered somebody within this time.
    pub(super) fn is_answering(&self, within: Duration) -> bool {
        self.answered_at.get().elapsed() < within
    }

    /// Whether a connection was lost since then.
    pub(super) fn is_lost_since(&self, then: Instant) -> bool {
        self.lost_at.get().is_some_and(|lost_at| lost_at >= then)
    }

    /// Whether no connection was lost for so long. Others may have lost theirs at the same time, and their locks with them.
    pub(super) fn is_calm_for(&self, rest: Duration) -> bool {
        self.lost_at.get().is_none_or(|lost_at| lost_at.elapsed() >= rest)
    }

    /// Whether the server has been there for so long. While it was away nobody could renew a lease. That connections are
    /// lost again and again does not count: between the losses everybody can.
    pub(super) fn is_there_for(&self, rest: Duration) -> bool {
        self.back_at.get().is_none_or(|back_at| back_at.elapsed() >= rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const REST: Duration = Duration::from_secs(6);

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_for_a_while_was_away() {
        let contact = Contact::new();
        advance(Duration::from_secs(60)).await;
        contact.answer();
        assert!(contact.is_there_for(REST), "nobody has asked it anything");
        contact.lose();
        advance(Duration::from_secs(3)).await;
        assert!(contact.is_answering(REST) && !contact.is_answering(Duration::from_secs(3)));
        contact.answer();
        assert!(!contact.is_there_for(REST) && !contact.is_calm_for(REST));
        advance(REST).await;
        assert!(contact.is_there_for(REST) && contact.is_calm_for(REST));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_between_losses_was_there() {
        let contact = Contact::new();
        for _ in 0..100 {
            contact.lose();
            advance(Duration::from_millis(200)).await;
            contact.answer();
        }
        assert!(contact.is_there_for(REST) && !contact.is_calm_for(REST));
    }
}
