//! The full-text index: FTS5 on SQLite, `tsvector` on PostgreSQL.

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, EntityTrait, Statement};
use signalpost::{BoxError, Instance, begin_immediate};

use crate::article;
use crate::page::Snippet;

/// How many articles a search shows.
const MOST: i64 = 50;

/// What the index puts around a word that it found. Not to be found in an article.
const FOUND: (char, char) = ('\u{2}', '\u{3}');

/// Puts an article into the index, in the place of what was there of it; does nothing if it was withdrawn.
pub async fn learn(database: &DatabaseConnection, article: &Instance<article::Model>) -> Result<(), BoxError> {
    let backend = database.get_database_backend();
    let learn = match backend {
        DatabaseBackend::Sqlite => "INSERT INTO article_search (rowid, title, author, body) VALUES ($1, $2, $3, $4)",
        _ => {
            "INSERT INTO article_search (article, words) VALUES \
             ($1, setweight(to_tsvector('english', $2), 'A') || to_tsvector('english', $3 || ' ' || $4))"
        }
    };
    // Read in the transaction, so that nothing is put back that is forgotten meanwhile.
    let transaction = begin_immediate(database).await?;
    let Some(article) = article.load(&transaction).await? else { return Ok(()) };
    forget(&transaction, article.id).await?;
    let values = [article.id.into(), article.title.into(), article.author.into(), article.body.into()];
    transaction.execute_raw(Statement::from_sql_and_values(backend, learn, values)).await?;
    Ok(transaction.commit().await?)
}

/// Takes an article out of the index.
pub async fn forget(database: &impl ConnectionTrait, article: i64) -> Result<(), BoxError> {
    let backend = database.get_database_backend();
    let sql = match backend {
        DatabaseBackend::Sqlite => "DELETE FROM article_search WHERE rowid = $1",
        _ => "DELETE FROM article_search WHERE article = $1",
    };
    database.execute_raw(Statement::from_sql_and_values(backend, sql, [article.into()])).await?;
    Ok(())
}

/// The articles that hold every word of `query`, or one that begins with it, with the passage where they do.
pub async fn find(database: &DatabaseConnection, query: &str) -> Result<Vec<(article::Model, Snippet)>, BoxError> {
    let backend = database.get_database_backend();
    // Each word quoted, so that the index's own operators are words like any other.
    let words = query.split(|letter: char| letter.is_whitespace() || letter.is_control()).filter(|it| !it.is_empty());
    let (sql, words) = match backend {
        DatabaseBackend::Sqlite => (
            "SELECT rowid AS article, snippet(article_search, 2, char(2), char(3), ' … ', 32) AS snippet \
             FROM article_search WHERE article_search MATCH $1 ORDER BY rank LIMIT $2",
            words.map(|word| format!("\"{}\"*", word.replace('"', "\"\""))).collect::<Vec<_>>().join(" "),
        ),
        _ => (
            "SELECT article.id AS article, ts_headline('english', body, query, \
                 'MaxFragments=1, MaxWords=32, MinWords=16, StartSel=' || chr(2) || ', StopSel=' || chr(3)) AS snippet \
             FROM to_tsquery('english', $1) AS query \
             JOIN article_search AS found ON found.words @@ query JOIN article ON article.id = found.article \
             ORDER BY ts_rank(found.words, query) DESC LIMIT $2",
            words
                .map(|word| format!("'{}':*", word.replace('\\', r"\\").replace('\'', "''")))
                .collect::<Vec<_>>()
                .join(" & "),
        ),
    };
    let rows = Statement::from_sql_and_values(backend, sql, [words.into(), MOST.into()]);
    let mut found = Vec::new();
    for row in database.query_all_raw(rows).await? {
        let (id, text): (i64, String) = (row.try_get("", "article")?, row.try_get("", "snippet")?);
        if let Some(article) = article::Entity::find_by_id(id).one(database).await? {
            found.push((article, pieces(&text)));
        }
    }
    Ok(found)
}

fn pieces(text: &str) -> Snippet {
    let mut pieces = Vec::new();
    for part in text.split(FOUND.0) {
        match part.split_once(FOUND.1) {
            Some((found, rest)) => pieces.extend([(true, found.to_owned()), (false, rest.to_owned())]),
            None => pieces.push((false, part.to_owned())),
        }
    }
    pieces.retain(|(_, piece)| !piece.is_empty());
    pieces
}
