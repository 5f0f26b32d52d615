//! The full-text index.

use sea_orm::DatabaseConnection;
use signalpost::{BoxError, Data, Event, receiver};

use crate::ledger::Ledger;
use crate::search;
use crate::signals::{ARTICLE_PUBLISHED, ArticlePublished};

pub const NAME: &str = "newsroom.index_article";

#[receiver(ARTICLE_PUBLISHED, background, name = NAME)]
async fn index_article(
    event: Event<'_, ArticlePublished>,
    database: Data<DatabaseConnection>,
    ledger: Data<Ledger>,
) -> Result<(), BoxError> {
    ledger.started(NAME, &event.payload.slug)?;
    if let Some(article) = event.payload.article.load(&*database).await? {
        search::learn(&database, article).await?;
    }
    Ok(ledger.done(NAME, &event.payload.slug)?)
}
