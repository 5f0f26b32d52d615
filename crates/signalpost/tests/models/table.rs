//! The table of `docs/models.md`: what each kind of write sends, on a pool, in a transaction, and in a savepoint of one.

use crate::news::{article, note};
use crate::on_each_database;
use crate::site::{Place, Site};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    IntoActiveModel, ModelTrait, QueryFilter, TransactionTrait,
};
use signalpost::begin_immediate;
use signalpost::models::{DeleteAndSend, SaveAndSend, SignalEntity, WriteConnection};

/// A row of the table.
trait Write {
    /// What is told in the send.
    const TOLD: &[&str];
    /// What is told by the tasks.
    const LOGGED: &[&str];

    /// What must be there before.
    async fn prepare(_: &DatabaseConnection) {}

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C);
}

/// The cells of a row: everything is sent in each place; and where the place is rolled back, no task is left.
async fn cells<W: Write, P: Place>() {
    let site = Site::<P>::new().await;
    W::prepare(&site.database).await;
    site.within(W::write(&site.database)).await;
    assert_eq!(site.told(), W::TOLD, "on a pool");
    assert_eq!(site.drain().await, W::LOGGED, "on a pool");

    for commits in [true, false] {
        site.clear().await;
        W::prepare(&site.database).await;
        let transaction = begin_immediate(&site.database).await.unwrap();
        site.within(W::write(&transaction)).await;
        assert_eq!(site.told(), W::TOLD, "in a transaction");
        end(transaction, commits).await;
        assert_eq!(site.drain().await, if commits { W::LOGGED } else { &[] }, "in a transaction: {commits}");
    }

    for [savepoint_commits, commits] in [[true, true], [true, false], [false, true]] {
        site.clear().await;
        W::prepare(&site.database).await;
        let transaction = begin_immediate(&site.database).await.unwrap();
        let savepoint = transaction.begin().await.unwrap();
        site.within(W::write(&savepoint)).await;
        assert_eq!(site.told(), W::TOLD, "in a savepoint");
        end(savepoint, savepoint_commits).await;
        end(transaction, commits).await;
        let logged = site.drain().await;
        let both = savepoint_commits && commits;
        assert_eq!(logged, if both { W::LOGGED } else { &[] }, "in a savepoint: {savepoint_commits}, {commits}");
    }
}

async fn end(transaction: DatabaseTransaction, commits: bool) {
    let ended = if commits { transaction.commit().await } else { transaction.rollback().await };
    ended.unwrap();
}

/// A test for each row.
macro_rules! rows {
    ($($test:ident: $row:ty),+ $(,)?) => {
        $(
            async fn $test<P: Place>() {
                cells::<$row, P>().await;
            }
        )+

        on_each_database! { $($test)+ }
    };
}

rows! {
    insert_and_send: Insert,
    update_and_send: Update,
    update_and_send_of_nothing: UpdateOfNothing,
    save_and_send_without_a_key: SaveNew,
    save_and_send_with_a_key: SaveOld,
    delete_and_send_of_an_active_model: DeleteByKey,
    delete_and_send_of_a_model: DeleteWhole,
    delete_and_send_of_what_is_not_there: DeleteNothing,
    insert_many_and_send: InsertMany,
    update_many_and_send: UpdateMany,
    delete_many_and_send: DeleteMany,
    insert_many_and_send_of_none: InsertNone,
    without_and_send_a_declared_entity: Silent,
    a_hooked_insert: HookedInsert,
    a_hooked_update: HookedUpdate,
    a_hooked_delete_of_a_model: HookedDelete,
    a_hooked_delete_by_key: HookedDeleteByKey,
    what_skips_the_hooks: SkipsHooks,
    and_send_on_a_hooked_entity: SendsOnce,
}

fn new(title: &str) -> article::ActiveModel {
    article::ActiveModel { title: Set(title.to_owned()), author: Set("Ada".to_owned()), ..Default::default() }
}

async fn insert(database: &DatabaseConnection, titles: &[&str]) {
    article::Entity::insert_many(titles.iter().map(|title| new(title))).exec(database).await.unwrap();
}

async fn find(on: &impl ConnectionTrait, id: i64) -> article::Model {
    article::Entity::find_by_id(id).one(on).await.unwrap().unwrap()
}

struct Insert;

impl Write for Insert {
    const TOLD: &[&str] = &["pre_save new title,author", "post_save 1 new title,author"];
    const LOGGED: &[&str] = &["news.Article.post_save saved 1 new title,author: there"];

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let article = new("One").insert_and_send(on).await.unwrap();
        assert_eq!(article, find(on, 1).await);
    }
}

struct Update;

impl Write for Update {
    const TOLD: &[&str] = &["pre_save old title", "post_save 1 old title"];
    const LOGGED: &[&str] = &["news.Article.post_save saved 1 old title: there"];

    async fn prepare(database: &DatabaseConnection) {
        insert(database, &["One"]).await;
    }

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let mut article = find(on, 1).await.into_active_model();
        article.title = Set("Another".to_owned());
        let article = article.update_and_send(on).await.unwrap();
        assert_eq!((article.title.as_str(), article.author.as_str()), ("Another", "Ada"));
        assert_eq!(article, find(on, 1).await);
    }
}

struct UpdateOfNothing;

impl Write for UpdateOfNothing {
    const TOLD: &[&str] = &["pre_save old ", "post_save 1 old "];
    const LOGGED: &[&str] = &["news.Article.post_save saved 1 old : there"];

    async fn prepare(database: &DatabaseConnection) {
        insert(database, &["One"]).await;
    }

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        find(on, 1).await.into_active_model().update_and_send(on).await.unwrap();
    }
}

struct SaveNew;

impl Write for SaveNew {
    const TOLD: &[&str] = Insert::TOLD;
    const LOGGED: &[&str] = Insert::LOGGED;

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let article = new("One").save_and_send(on).await.unwrap();
        assert!(!article.is_changed() && article.id.unwrap() == 1);
    }
}

struct SaveOld;

impl Write for SaveOld {
    const TOLD: &[&str] = Update::TOLD;
    const LOGGED: &[&str] = Update::LOGGED;

    async fn prepare(database: &DatabaseConnection) {
        insert(database, &["One"]).await;
    }

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        // Of the rest nothing is known, and nothing is written.
        let article = article::ActiveModel { id: Set(1), title: Set("Another".to_owned()), ..Default::default() };
        let article = article.save_and_send(on).await.unwrap();
        assert_eq!(article.author.unwrap(), "Ada");
    }
}

struct DeleteByKey;

impl Write for DeleteByKey {
    const TOLD: &[&str] = &["pre_delete 1", "post_delete 1 whole"];
    const LOGGED: &[&str] = &[r#"news.Article.post_delete deleted 1 {"author":"Ada","title":"One"}"#];

    async fn prepare(database: &DatabaseConnection) {
        insert(database, &["One"]).await;
    }

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let article = article::ActiveModel { id: Set(1), ..Default::default() };
        assert_eq!(article.delete_and_send(on).await.unwrap().unwrap().title, "One");
    }
}

struct DeleteWhole;

impl Write for DeleteWhole {
    const TOLD: &[&str] = DeleteByKey::TOLD;
    const LOGGED: &[&str] = DeleteByKey::LOGGED;

    async fn prepare(database: &DatabaseConnection) {
        insert(database, &["One"]).await;
    }

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let article = find(on, 1).await;
        assert_eq!(article.clone().delete_and_send(on).await.unwrap(), Some(article));
    }
}

struct DeleteNothing;

impl Write for DeleteNothing {
    const TOLD: &[&str] = &["pre_delete 1"];
    const LOGGED: &[&str] = &[];

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let article = article::ActiveModel { id: Set(1), ..Default::default() };
        assert_eq!(article.delete_and_send(on).await.unwrap(), None);
    }
}

struct InsertMany;

impl Write for InsertMany {
    const TOLD: &[&str] = &[
        "pre_save new title,author",
        "pre_save new title,author,body",
        "post_save 1 new title,author,body",
        "post_save 2 new title,author,body",
    ];
    const LOGGED: &[&str] = &[
        "news.Article.post_save saved 1 new title,author,body: there",
        "news.Article.post_save saved 2 new title,author,body: there",
    ];

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let second = article::ActiveModel { body: Set(Some("…".to_owned())), ..new("Two") };
        let articles = article::Entity::insert_many_and_send(on, [new("One"), second]).await.unwrap();
        assert_eq!(articles, [find(on, 1).await, find(on, 2).await]);
    }
}

struct UpdateMany;

impl Write for UpdateMany {
    const TOLD: &[&str] = &["post_save 1 old title,body", "post_save 2 old title,body"];
    const LOGGED: &[&str] = &[
        "news.Article.post_save saved 1 old title,body: there",
        "news.Article.post_save saved 2 old title,body: there",
    ];

    async fn prepare(database: &DatabaseConnection) {
        insert(database, &["One", "One", "Three"]).await;
    }

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let updated = article::Entity::update_many_and_send(on, |articles| {
            articles
                .set(article::ActiveModel { title: Set("Another".to_owned()), ..Default::default() })
                .col_expr(article::Column::Body, Expr::value("…"))
                .filter(article::Column::Title.eq("One"))
        });
        assert_eq!(updated.await.unwrap(), [find(on, 1).await, find(on, 2).await]);
        assert_eq!(find(on, 3).await.title, "Three");
    }
}

struct DeleteMany;

impl Write for DeleteMany {
    const TOLD: &[&str] = &["post_delete 1 whole", "post_delete 2 whole"];
    const LOGGED: &[&str] = &[
        r#"news.Article.post_delete deleted 1 {"author":"Ada","title":"One"}"#,
        r#"news.Article.post_delete deleted 2 {"author":"Ada","title":"One"}"#,
    ];

    async fn prepare(database: &DatabaseConnection) {
        insert(database, &["One", "One", "Three"]).await;
    }

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let ones = article::Column::Title.eq("One");
        let deleted = article::Entity::delete_many_and_send(on, |articles| articles.filter(ones)).await.unwrap();
        assert_eq!(deleted.len(), 2);
        assert_eq!(article::Entity::find().all(on).await.unwrap(), [find(on, 3).await]);
    }
}

struct InsertNone;

impl Write for InsertNone {
    const TOLD: &[&str] = &[];
    const LOGGED: &[&str] = &[];

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        assert!(article::Entity::insert_many_and_send(on, []).await.unwrap().is_empty());
    }
}

/// SeaORM's own methods.
struct Silent;

impl Write for Silent {
    const TOLD: &[&str] = &[];
    const LOGGED: &[&str] = &[];

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let mut article = new("One").insert(on).await.unwrap().into_active_model();
        article.title = Set("Another".to_owned());
        article.update(on).await.unwrap().delete(on).await.unwrap();
    }
}

fn note(text: &str) -> note::ActiveModel {
    note::ActiveModel { id: NotSet, text: Set(text.to_owned()) }
}

async fn insert_note(database: &DatabaseConnection) {
    note::Entity::insert(note("One")).exec(database).await.unwrap();
}

struct HookedInsert;

impl Write for HookedInsert {
    const TOLD: &[&str] = &["pre_save new text", "post_save 1 new ?"];
    const LOGGED: &[&str] = &["news.Note.post_save saved 1 new ?: there"];

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        note("One").save(on).await.unwrap();
    }
}

struct HookedUpdate;

impl Write for HookedUpdate {
    const TOLD: &[&str] = &["pre_save old text", "post_save 1 old ?"];
    const LOGGED: &[&str] = &["news.Note.post_save saved 1 old ?: there"];

    async fn prepare(database: &DatabaseConnection) {
        insert_note(database).await;
    }

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        note::ActiveModel { id: Set(1), ..note("Another") }.save(on).await.unwrap();
    }
}

struct HookedDelete;

impl Write for HookedDelete {
    const TOLD: &[&str] = &["pre_delete 1", "post_delete 1 whole"];
    const LOGGED: &[&str] = &[r#"news.Note.post_delete deleted 1 {"text":"One"}"#];

    async fn prepare(database: &DatabaseConnection) {
        insert_note(database).await;
    }

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        note::Entity::find_by_id(1).one(on).await.unwrap().unwrap().delete(on).await.unwrap();
    }
}

/// There is not even a row.
struct HookedDeleteByKey;

impl Write for HookedDeleteByKey {
    const TOLD: &[&str] = &["pre_delete 1", "post_delete 1 key"];
    const LOGGED: &[&str] = &["news.Note.post_delete deleted 1 -"];

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        let note = note::ActiveModel { id: Set(1), text: NotSet };
        assert_eq!(note.delete(on).await.unwrap().rows_affected, 0);
    }
}

struct SkipsHooks;

impl Write for SkipsHooks {
    const TOLD: &[&str] = &["pre_save old text"];
    const LOGGED: &[&str] = &[];

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        note::Entity::insert(note("One")).exec(on).await.unwrap();
        note::Entity::insert_many([note("Two"), note("Three")]).exec(on).await.unwrap();
        note::ActiveModel { id: Set(1), ..note("Another") }.update_without_returning(on).await.unwrap();
        note::Entity::update_many().col_expr(note::Column::Text, Expr::value("…")).exec(on).await.unwrap();
        note::Entity::delete_by_id(1).exec(on).await.unwrap();
        note::Entity::delete_many().exec(on).await.unwrap();
    }
}

struct SendsOnce;

impl Write for SendsOnce {
    const TOLD: &[&str] = &["pre_save new text", "post_save 1 new text", "pre_delete 1", "post_delete 1 whole"];
    const LOGGED: &[&str] =
        &["news.Note.post_save saved 1 new text: gone", r#"news.Note.post_delete deleted 1 {"text":"One"}"#];

    async fn write<C: WriteConnection + ConnectionTrait>(on: &C) {
        note("One").insert_and_send(on).await.unwrap().delete_and_send(on).await.unwrap();
    }
}
