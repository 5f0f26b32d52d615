//! Sends in a transaction of the caller's, beside its own rows: through sqlx and through SeaORM.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, SqlxSqliteConnector, Statement, Value};
use signalpost::{BoxError, SqliteStore, begin_immediate, with_store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, SqlitePool};
use tokio::runtime::Runtime;

use super::database::{Database, SCHEMA};
use super::raw::{INSERT, Row};
use crate::measure::{Measure, median};
use crate::ping::{PING, Ping, RECEIVER};

const ROWS: usize = 100;
const ARTICLE: &str = "INSERT INTO article (title, body) VALUES (?1, ?2)";
const BODY: &str = "What runs in the background is written with the article, or not at all.";

pub(super) fn run(quick: bool) -> Result<Vec<Measure>, BoxError> {
    let on_one_core = thread::spawn(move || measure(quick));
    on_one_core.join().map_err(|_| "the measurement has panicked")?
}

/// The client's connection has a thread of its own. Whether the kernel runs that on the caller's core or wakes another one
/// for every statement makes a difference of three times, and changes from one minute to the next: so both share a core.
fn measure(quick: bool) -> Result<Vec<Measure>, BoxError> {
    let may_run_on = sched_getaffinity(None)?;
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|core| may_run_on.is_set(*core)).unwrap_or(0));
    sched_setaffinity(None, &one)?;
    Runtime::new()?.block_on(async {
        let rounds = if quick { 30 } else { 200 };
        let site = Site::new().await?;
        let [mut sqlx, mut sqlx_bare, mut sea_orm, mut sea_orm_bare] = [const { Vec::new() }; 4];
        for _ in 0..rounds {
            sqlx.push(milliseconds(with_store(site.store.clone(), send_with_sqlx(&site.pool))).await?);
            sqlx_bare.push(milliseconds(insert_with_sqlx(&site)).await?);
            sea_orm.push(milliseconds(with_store(site.store.clone(), send_with_sea_orm(&site.orm))).await?);
            sea_orm_bare.push(milliseconds(insert_with_sea_orm(&site)).await?);
        }
        let beside = |client: &str, ours: &mut Vec<f64>, reference: &mut Vec<f64>| {
            let name = format!("{client}: {ROWS} rows + {ROWS} send_in | {ROWS} rows + {ROWS} plain INSERTs");
            Measure::beside(name, median(ours), median(reference), "ms", "at most 1.5")
        };
        Ok(vec![beside("sqlx", &mut sqlx, &mut sqlx_bare), beside("SeaORM", &mut sea_orm, &mut sea_orm_bare)])
    })
}

async fn milliseconds(work: impl Future<Output = Result<(), BoxError>>) -> Result<f64, BoxError> {
    let began = Instant::now();
    work.await?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// A database with a table of the caller's, and one connection of the caller's to it.
struct Site {
    store: Arc<SqliteStore>,
    pool: SqlitePool,
    orm: DatabaseConnection,
    /// Into a table like `signalpost_task`, with the same indexes.
    bare: String,
    _database: Database,
}

impl Site {
    async fn new() -> Result<Self, BoxError> {
        let database = Database::new()?;
        let options = SqliteConnectOptions::new()
            .filename(database.path())
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::query("CREATE TABLE article (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL)")
            .execute(&pool)
            .await?;
        sqlx::raw_sql(AssertSqlSafe(bare(SCHEMA))).execute(&pool).await?;
        let orm = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone());
        Ok(Self { store: database.store()?, pool, orm, bare: bare(INSERT), _database: database })
    }
}

fn bare(sql: &str) -> String {
    sql.replace("signalpost_", "bare_")
}

async fn send_with_sqlx(pool: &SqlitePool) -> Result<(), BoxError> {
    let mut transaction = begin_immediate(pool).await?;
    for number in 1..=ROWS {
        sqlx::query(ARTICLE).bind(format!("Article {number}")).bind(BODY).execute(&mut *transaction).await?;
        PING.send_in(&mut transaction, "bench", &Ping { number }).await?;
    }
    Ok(transaction.commit().await?)
}

async fn insert_with_sqlx(site: &Site) -> Result<(), BoxError> {
    let mut transaction = begin_immediate(&site.pool).await?;
    for number in 1..=ROWS {
        sqlx::query(ARTICLE).bind(format!("Article {number}")).bind(BODY).execute(&mut *transaction).await?;
        let Row { send_id, payload, now } = Row::new(number);
        let nothing = None::<i64>;
        sqlx::query(AssertSqlSafe(site.bare.clone()))
            .bind(send_id)
            .bind("bench.ping")
            .bind("bench")
            .bind(RECEIVER)
            .bind("default")
            .bind(0)
            .bind(now)
            .bind(nothing)
            .bind(nothing)
            .bind(payload)
            .bind(1)
            .bind("{}")
            .bind(nothing)
            .bind(0)
            .bind(nothing)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}

async fn send_with_sea_orm(orm: &DatabaseConnection) -> Result<(), BoxError> {
    let transaction = begin_immediate(orm).await?;
    for number in 1..=ROWS {
        transaction.execute_raw(article(number)).await?;
        PING.send_in(&transaction, "bench", &Ping { number }).await?;
    }
    Ok(transaction.commit().await?)
}

async fn insert_with_sea_orm(site: &Site) -> Result<(), BoxError> {
    let transaction = begin_immediate(&site.orm).await?;
    for number in 1..=ROWS {
        transaction.execute_raw(article(number)).await?;
        let Row { send_id, payload, now } = Row::new(number);
        let nothing = Value::BigInt(None);
        let values: [Value; 16] = [
            send_id.into(),
            "bench.ping".into(),
            "bench".into(),
            RECEIVER.into(),
            "default".into(),
            0.into(),
            now.into(),
            nothing.clone(),
            nothing.clone(),
            payload.into(),
            1.into(),
            "{}".into(),
            nothing.clone(),
            0.into(),
            nothing,
            now.into(),
        ];
        transaction.execute_raw(Statement::from_sql_and_values(DatabaseBackend::Sqlite, &site.bare, values)).await?;
    }
    Ok(transaction.commit().await?)
}

fn article(number: usize) -> Statement {
    let values: [Value; 2] = [format!("Article {number}").into(), BODY.into()];
    Statement::from_sql_and_values(DatabaseBackend::Sqlite, ARTICLE, values)
}
