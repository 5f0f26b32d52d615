//! Whether everything was done: judged by the ledger, not by the store.

use std::collections::{BTreeSet, HashMap};

use sea_orm::EntityTrait;
use serde::Serialize;
use signalpost::{BoxError, EndState};

use crate::ledger::{Ledger, What};
use crate::{Newsroom, article, receivers};

#[derive(Debug, Serialize)]
pub struct Report {
    pub articles: usize,
    /// Tasks in the history that succeeded.
    pub succeeded: u64,
    pub dead: u64,
    /// Runs after a failure.
    pub retries: usize,
    /// Runs of a receiver to its end beyond the first, for the same article.
    pub reruns: usize,
    /// Receivers that never came to their end, for an article that is published.
    pub lost: usize,
    pub mails: usize,
}

impl Report {
    pub async fn of(newsroom: &Newsroom) -> Result<Self, BoxError> {
        let articles = article::Entity::find().all(&newsroom.database).await?;
        let counts = newsroom.store.counts().await?;
        let lines = Ledger::read(&newsroom.folders.ledger)?;
        let mut done: HashMap<(&str, &str), usize> = HashMap::new();
        // A run is a retry once for each failure before it; a death before it is none.
        let mut retries = BTreeSet::new();
        for line in &lines {
            match line.what {
                What::Done => *done.entry((&line.receiver, &line.slug)).or_default() += 1,
                What::Started if line.attempt - line.deaths > 1 => {
                    retries.insert((line.task, line.attempt - line.deaths));
                }
                What::Started => {}
            }
        }
        let expected = articles.iter().flat_map(|article| receivers::ALL.map(|receiver| (receiver, &*article.slug)));
        Ok(Self {
            articles: articles.len(),
            succeeded: counts.ended(EndState::Succeeded),
            dead: counts.ended(EndState::Dead),
            retries: retries.len(),
            reruns: done.values().map(|times| times - 1).sum(),
            lost: expected.filter(|pair| !done.contains_key(pair)).count(),
            mails: newsroom.folders.mails()?,
        })
    }
}
