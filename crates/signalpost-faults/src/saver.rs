//! A process that saves and deletes models all the time, until it is killed.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use clap::Args;
use fastrand::Rng;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectOptions, Database, DatabaseConnection, ExprTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use signalpost::models::{Deleted, SaveAndSend, Saved, SignalEntity, post_delete, post_save};
use signalpost::{BoxError, Event, SqliteStore, Store, begin_immediate, receiver, with_store};
use signalpost_store::PostgresStore;
use tokio::task::JoinSet;

use crate::Ledger;

/// What is saved. Every save of a row raises its version by 1.
pub mod article {
    use sea_orm::entity::prelude::*;

    /// A row.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "article")]
    pub struct Model {
        /// Its key.
        #[sea_orm(primary_key)]
        pub id: i64,
        /// How often it was saved.
        pub version: i64,
    }

    /// None.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

signalpost::model!(article, "faults.Article");

/// The receivers of a save.
pub const SAVED: [&str; 3] = ["faults.index_article", "faults.mail_article", "faults.show_article"];

/// The receiver of a deletion.
pub const DELETED: &str = "faults.forget_article";

#[receiver(post_save::<article::Entity>(), background, name = SAVED[0])]
async fn index(_: Event<'_, Saved<article::Entity>>) {}

#[receiver(post_save::<article::Entity>(), background, name = SAVED[1])]
async fn mail(_: Event<'_, Saved<article::Entity>>) {}

#[receiver(post_save::<article::Entity>(), background, name = SAVED[2])]
async fn show(_: Event<'_, Saved<article::Entity>>) {}

#[receiver(post_delete::<article::Entity>(), background, name = DELETED)]
async fn forget(_: Event<'_, Deleted<article::Entity>>) {}

/// A saver's line: a write is begun, or its commit was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which write of the process.
    pub write: u32,
    /// True when it has ended.
    pub ended: bool,
}

/// How the process is started: what a scenario gives, and what the program reads.
#[derive(Debug, Clone, Args)]
pub struct SaverArguments {
    /// A file, or the URL of a PostgreSQL database.
    #[arg(long)]
    pub database: String,
    /// Where the ledger's files are.
    #[arg(long)]
    pub ledger: PathBuf,
    /// What it does is a matter of this.
    #[arg(long)]
    pub seed: u64,
}

impl SaverArguments {
    /// Gives them to the program.
    pub(crate) fn give(&self, command: &mut Command) {
        command.args(["saver", "--database", &self.database, "--seed", &self.seed.to_string()]);
        command.arg("--ledger").arg(&self.ledger);
    }
}

/// How many writes are under way at once.
const AT_ONCE: u32 = 4;

/// The store of a database, and connections to it.
pub(crate) async fn open(database: &str) -> Result<(Arc<dyn Store>, DatabaseConnection), BoxError> {
    let is_postgres = database.starts_with("postgres://");
    let store: Arc<dyn Store> = match is_postgres {
        true => Arc::new(PostgresStore::connect(database).await?),
        false => Arc::new(SqliteStore::open(database)?),
    };
    let mut options =
        ConnectOptions::new(if is_postgres { database.to_owned() } else { format!("sqlite://{database}") });
    options.max_connections(AT_ONCE).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(Duration::from_secs(60)));
    Ok((store, Database::connect(options).await?))
}

/// Saves and deletes until it is killed.
///
/// # Errors
///
/// When a write fails.
#[tokio::main]
pub async fn run(arguments: SaverArguments) -> Result<(), BoxError> {
    let (store, database) = open(&arguments.database).await?;
    let ledger = Arc::new(Ledger::open(&arguments.ledger)?);
    let writes = Arc::new(AtomicU32::new(0));
    let mut saving = JoinSet::new();
    for number in 0..AT_ONCE {
        let random = Rng::with_seed(arguments.seed.wrapping_add(u64::from(number)));
        let mut writer = Writer { database: database.clone(), random, own: Vec::new() };
        let (store, ledger, writes) = (store.clone(), ledger.clone(), writes.clone());
        saving.spawn(with_store(store, async move {
            loop {
                let write = writes.fetch_add(1, Relaxed);
                ledger.write(&Step { write, ended: false })?;
                writer.write().await?;
                ledger.write(&Step { write, ended: true })?;
            }
        }));
    }
    saving.join_next().await.map_or(Ok(()), |saved| saved?)
}

struct Writer {
    database: DatabaseConnection,
    random: Rng,
    /// The articles that nobody else writes.
    own: Vec<article::Model>,
}

fn new() -> article::ActiveModel {
    article::ActiveModel { version: Set(1), ..Default::default() }
}

impl Writer {
    /// One write of some kind.
    async fn write(&mut self) -> Result<(), BoxError> {
        let kind = if self.own.len() < 4 { 0 } else { self.random.u32(..7) };
        match kind {
            0 => self.own.push(new().insert_and_send(&self.database).await?),
            1 => self.own.extend(article::Entity::insert_many_and_send(&self.database, [new(), new()]).await?),
            2 => {
                let transaction = begin_immediate(&self.database).await?;
                self.own.push(new().insert_and_send(&transaction).await?);
                self.own.push(new().insert_and_send(&transaction).await?);
                transaction.commit().await?;
            }
            3 => {
                let article = self.take();
                let changed = article::ActiveModel { id: Set(article.id), version: Set(article.version + 1) };
                self.own.push(changed.update_and_send(&self.database).await?);
            }
            4 => {
                let ids = [self.take().id, self.take().id];
                let raised = Expr::col(article::Column::Version).add(1);
                let update = article::Entity::update_many_and_send(&self.database, |articles| {
                    articles.col_expr(article::Column::Version, raised).filter(article::Column::Id.is_in(ids))
                });
                self.own.extend(update.await?);
            }
            5 => {
                let article = self.take();
                let known = article::ActiveModel { id: Set(article.id), ..Default::default() };
                known.delete_and_send(&self.database).await?;
            }
            _ => {
                let ids = [self.take().id, self.take().id];
                let which = article::Column::Id.is_in(ids);
                article::Entity::delete_many_and_send(&self.database, |articles| articles.filter(which)).await?;
            }
        }
        Ok(())
    }

    fn take(&mut self) -> article::Model {
        let place = self.random.usize(..self.own.len());
        self.own.swap_remove(place)
    }
}
