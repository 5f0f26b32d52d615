//! The full-text index.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use signalpost::{BoxError, Data, Event, begin_immediate, receiver};

use crate::ledger::Ledger;
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
        let transaction = begin_immediate(&*database).await?;
        let backend = database.get_database_backend();
        let forget = "DELETE FROM article_search WHERE rowid = ?";
        transaction.execute_raw(Statement::from_sql_and_values(backend, forget, [article.id.into()])).await?;
        let learn = "INSERT INTO article_search (rowid, title, author, body) VALUES (?, ?, ?, ?)";
        let values = [article.id.into(), article.title.into(), article.author.into(), article.body.into()];
        transaction.execute_raw(Statement::from_sql_and_values(backend, learn, values)).await?;
        transaction.commit().await?;
    }
    Ok(ledger.done(NAME, &event.payload.slug)?)
}
