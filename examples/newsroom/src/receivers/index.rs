//! The full-text index.

use sea_orm::DatabaseConnection;
use signalpost::models::{Saved, post_save};
use signalpost::{BoxError, Data, Event, receiver};

use crate::article::{self, Files};
use crate::ledger::Ledger;
use crate::search;

pub const NAME: &str = "newsroom.index_article";

#[receiver(post_save::<article::Entity>(), background, name = NAME)]
async fn index_article(
    event: Event<'_, Saved<article::Entity>>,
    database: Data<DatabaseConnection>,
    ledger: Data<Ledger>,
) -> Result<(), BoxError> {
    let Files { slug, .. } = Files::of(&event.payload.instance)?;
    ledger.started(NAME, &slug)?;
    search::learn(&database, &event.payload.instance).await?;
    Ok(ledger.done(NAME, &slug)?)
}
