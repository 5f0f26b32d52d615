//! An article in the database.

use sea_orm::entity::prelude::*;
use serde::Deserialize;
use signalpost::{BoxError, Instance};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "article")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub slug: String,
    pub title: String,
    pub author: String,
    pub summary: String,
    pub body: String,
    /// The name of the picture's file.
    pub picture: Option<String>,
    /// Milliseconds since 1970.
    pub published_at: i64,
    /// The send of its publication: finds the tasks that follow.
    pub send_id: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

signalpost::model!(self, "news.Article", snapshot = [slug, picture]);

/// What travels beside an article's key: what its files are called, also when it is gone.
#[derive(Deserialize)]
pub struct Files {
    /// The last part of its address.
    pub slug: String,
    /// The name of its picture's file, if it has one.
    pub picture: Option<String>,
}

impl Files {
    pub fn of(article: &Instance<Model>) -> Result<Self, BoxError> {
        article.snapshot()?.ok_or_else(|| format!("nothing is said of the files of {article:?}").into())
    }
}
