//! What this application sends.

use serde::{Deserialize, Serialize};
use signalpost::{Instance, Signal};

use crate::article;

/// Sent in the transaction that publishes an article.
pub static ARTICLE_PUBLISHED: Signal<ArticlePublished> = Signal::new("news.article_published");

/// An article has gone live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArticlePublished {
    /// The article, to be read when it is needed.
    pub article: Instance<article::Model>,
    /// The last part of its address.
    pub slug: String,
    /// The name of its picture's file, if it has one.
    pub picture: Option<String>,
}
