//! An article in the database.

use sea_orm::entity::prelude::*;
use signalpost::SenderType;

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
    /// The send of its publication: finds the tasks that followed.
    pub send_id: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl SenderType for Entity {
    const LABEL: &'static str = "news.Article";
}

impl signalpost::Model for Model {
    const LABEL: &'static str = "news.Article";
    type Key = i64;

    fn key(&self) -> i64 {
        self.id
    }
}
