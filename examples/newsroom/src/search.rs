//! Searching the articles.

use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, Statement};
use signalpost::BoxError;

use crate::article;
use crate::page::Snippet;

/// How many articles a search shows.
const MOST: i64 = 50;

/// What the index puts around a word that it found. Not to be found in an article.
const FOUND: (char, char) = ('\u{2}', '\u{3}');

/// The articles that hold every word of `query`, or one that begins with it, with the passage where they do.
pub async fn find(database: &DatabaseConnection, query: &str) -> Result<Vec<(article::Model, Snippet)>, BoxError> {
    // Each word quoted, so that the index's own operators are words like any other.
    let words: Vec<String> =
        query.split_whitespace().map(|word| format!("\"{}\"*", word.replace('"', "\"\""))).collect();
    let sql = "SELECT rowid, snippet(article_search, 2, ?, ?, ' … ', 32) AS snippet \
               FROM article_search WHERE article_search MATCH ? ORDER BY rank LIMIT ?";
    let values = [FOUND.0.to_string().into(), FOUND.1.to_string().into(), words.join(" ").into(), MOST.into()];
    let backend = database.get_database_backend();
    let rows = database.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    let mut found = Vec::new();
    for row in rows {
        let (id, text): (i64, String) = (row.try_get("", "rowid")?, row.try_get("", "snippet")?);
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
