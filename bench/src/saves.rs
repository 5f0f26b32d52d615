//! Models that are saved over many connections at once, each with three background receivers: beside the same saves with a
//! bare INSERT of the three rows, by the same client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseBackend, DatabaseConnection, Statement, Value};
use signalpost::models::{SaveAndSend, Saved, post_save};
use signalpost::{BoxError, Event, SendId, Store, begin_immediate, receiver, with_store};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::measure::{Measure, median};

pub(crate) const CONNECTIONS: u32 = 16;
/// In all, if it is not to be quick.
const SAVES: usize = 10_000;
const TABLE: &str = "CREATE TABLE article (id {key}, title TEXT NOT NULL, body TEXT NOT NULL)";
const BODY: &str = "What runs in the background is written with the article, or not at all.";
const RECEIVERS: [&str; 3] = ["bench.index_article", "bench.mail_article", "bench.show_article"];

mod article {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "article")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i64,
        pub(crate) title: String,
        pub(crate) body: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

signalpost::model!(article, "bench.Article");

#[receiver(post_save::<article::Entity>(), background, name = RECEIVERS[0])]
async fn index(_: Event<'_, Saved<article::Entity>>) {}

#[receiver(post_save::<article::Entity>(), background, name = RECEIVERS[1])]
async fn mail(_: Event<'_, Saved<article::Entity>>) {}

#[receiver(post_save::<article::Entity>(), background, name = RECEIVERS[2])]
async fn show(_: Event<'_, Saved<article::Entity>>) {}

/// A store, and connections to its database. It must have the store's tables twice, once named `bare_…`.
pub(crate) struct Site {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) database: DatabaseConnection,
}

impl Site {
    /// Runs on a runtime of its own, as what makes the site does.
    pub(crate) fn measure(runtime: &Runtime, site: Site, quick: bool) -> Result<Measure, BoxError> {
        let site = Arc::new(site);
        let backend = site.database.get_database_backend();
        let (database, key) = match backend {
            DatabaseBackend::Sqlite => ("SQLite", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            _ => ("PostgreSQL", "BIGSERIAL PRIMARY KEY"),
        };
        runtime.block_on(async {
            site.database.execute_unprepared(&TABLE.replace("{key}", key)).await?;
            let (rounds, saves) = if quick { (6, 200) } else { (20, SAVES / 20) };
            let bare: Arc<str> = bare(backend).into();
            let (mut ours, mut reference) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                ours.push(
                    microseconds(&site, saves, |site, number| async move { save_and_send(&site, number).await })
                        .await?,
                );
                let bare = bare.clone();
                reference.push(
                    microseconds(&site, saves, move |site, number| {
                        let bare = bare.clone();
                        async move { save_and_insert(&site, &bare, number).await }
                    })
                    .await?,
                );
            }
            let name = format!("{database}, 16 connections: save_and_send | BEGIN, save, INSERT of 3 rows, COMMIT");
            Ok(Measure::beside(name, median(&mut ours), median(&mut reference), "µs", "at most 1.4"))
        })
    }
}

/// What each of so many saves takes, as many at once as there are connections.
async fn microseconds<F: Future<Output = Result<(), BoxError>> + Send + 'static>(
    site: &Arc<Site>,
    saves: usize,
    save: impl Fn(Arc<Site>, usize) -> F + Clone + Send + Sync + 'static,
) -> Result<f64, BoxError> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut saving = JoinSet::new();
    let began = Instant::now();
    for _ in 0..CONNECTIONS {
        let (site, next, save) = (site.clone(), next.clone(), save.clone());
        saving.spawn(async move {
            loop {
                let number = next.fetch_add(1, Relaxed);
                if number >= saves {
                    return Ok::<(), BoxError>(());
                }
                save(site.clone(), number).await?;
            }
        });
    }
    while let Some(saved) = saving.join_next().await {
        saved??;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / saves as f64)
}

fn article(number: usize) -> article::ActiveModel {
    article::ActiveModel { title: Set(format!("Article {number}")), body: Set(BODY.to_owned()), ..Default::default() }
}

async fn save_and_send(site: &Site, number: usize) -> Result<(), BoxError> {
    with_store(site.store.clone(), article(number).save_and_send(&site.database)).await?;
    Ok(())
}

async fn save_and_insert(site: &Site, bare: &str, number: usize) -> Result<(), BoxError> {
    let transaction = begin_immediate(&site.database).await?;
    let article = article(number).save(&transaction).await?;
    let send_id = SendId::new().to_string();
    let payload = format!(
        r#"{{"instance":{{"model":"bench.Article","key":{}}},"created":true,"changed":["title","body"]}}"#,
        article.id.unwrap()
    );
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since.as_millis())?;
    let row = |receiver: &str| -> [Value; 12] {
        [
            send_id.as_str().into(),
            "bench.Article.post_save".into(),
            "bench.Article".into(),
            receiver.into(),
            "default".into(),
            0_i16.into(),
            now.into(),
            payload.as_str().into(),
            1_i64.into(),
            "{}".into(),
            0_i64.into(),
            now.into(),
        ]
    };
    let values = RECEIVERS.iter().flat_map(|receiver| row(receiver));
    let backend = transaction.get_database_backend();
    transaction.execute_raw(Statement::from_sql_and_values(backend, bare, values)).await?;
    Ok(transaction.commit().await?)
}

/// One INSERT of three rows.
fn bare(backend: DatabaseBackend) -> String {
    let sign = if backend == DatabaseBackend::Sqlite { '?' } else { '$' };
    let row = |row: usize| {
        let places: Vec<String> = (1..=12).map(|place| format!("{sign}{}", row * 12 + place)).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..RECEIVERS.len()).map(row).collect();
    format!(
        "INSERT INTO bare_task (send_id, signal, sender, receiver, queue, priority, run_at, payload, payload_version, \
         headers, depth, created_at) VALUES {}",
        rows.join(", ")
    )
}
