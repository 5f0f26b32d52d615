use signalpost::models::{Saved, post_save};
use signalpost::{Event, receiver};

mod article {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "article")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[receiver(post_save::<article::Entity>())]
fn hear(_event: &Event<Saved<article::Entity>>) {}

fn main() {}
