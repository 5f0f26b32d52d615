//! A process that saves and deletes models, and is killed in the midst of it.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use sea_orm::{ConnectionTrait, EntityTrait, Schema, Statement};
use serde::Deserialize;
use signalpost::BoxError;
use signalpost_postgres_server::ServerOptions;
use tokio::runtime::Runtime;

use crate::judge::conclusion;
use crate::patience::until;
use crate::saver::{DELETED, SAVED, SaverArguments, Step, article, open};
use crate::{Ledger, Process};

/// How much.
#[derive(Debug, Clone)]
pub struct Saves {
    /// How often the process is killed.
    pub kills: u32,
    /// Whether the database is PostgreSQL, in a server of its own.
    pub on_postgres: bool,
    /// Where the random moments come from.
    pub seed: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What was asked for.
    pub asked: String,
    /// The writes whose commit was answered.
    pub ended: usize,
    /// The writes that a kill has met under way.
    pub under_way: usize,
    /// The articles that are left in the end.
    pub articles: usize,
    /// The tasks in the end.
    pub tasks: usize,
    /// What must not be. Empty if all is well.
    pub problems: Vec<String>,
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { asked, ended, under_way, articles, tasks, problems } = self;
        writeln!(f, "{asked}")?;
        writeln!(f, "{ended} writes have ended, {under_way} were under way when they were killed")?;
        writeln!(f, "{articles} articles are left, and {tasks} tasks")?;
        f.write_str(&conclusion(problems, "every write has left its rows and their tasks, or neither"))
    }
}

/// Runs the scenario: four writes are under way at any time, each of one or several models, alone or in a transaction. Every
/// save raises the version of its row and has three tasks: so the tasks of a row that is there are three for each version,
/// and a row that is gone has one of its deletion.
///
/// # Errors
///
/// When the scenario cannot be carried out. What it finds wrong is no error, but in the findings.
pub fn run(program: &Path, saves: &Saves) -> Result<Findings, BoxError> {
    let directory = tempfile::tempdir()?;
    let server = saves.on_postgres.then(|| ServerOptions::new().start()).transpose()?;
    let database = match &server {
        Some(server) => server.url("postgres"),
        None => directory.path().join("store.db").display().to_string(),
    };
    let ledger = directory.path().join("ledger");
    fs::create_dir(&ledger)?;
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let (_store, connection) = open(&database).await?;
        let schema = Schema::new(connection.get_database_backend());
        connection.execute(&schema.create_table_from_entity(article::Entity)).await?;
        Ok::<_, BoxError>(connection.close().await?)
    })?;

    let mut random = fastrand::Rng::with_seed(saves.seed);
    for _ in 0..saves.kills {
        let saver = Saver::start(program, &database, &ledger, random.u64(..))?;
        saver.wait_for_a_write()?;
        thread::sleep(Duration::from_millis(20).mul_f64(random.f64() * 5.0));
        saver.process.kill()?;
    }

    let steps: Vec<Step> = Ledger::read_all(&ledger)?;
    let ended = steps.iter().filter(|step| step.ended).count();
    let mut findings = Findings { asked: format!("{saves:?}"), ended, ..Findings::default() };
    findings.under_way = steps.len() - 2 * ended;
    runtime.block_on(findings.judge(&database))?;
    Ok(findings)
}

struct Saver {
    process: Process,
    log: PathBuf,
    ledger: PathBuf,
}

impl Saver {
    fn start(program: &Path, database: &str, ledger: &Path, seed: u64) -> Result<Self, BoxError> {
        let log = ledger.with_extension("log");
        let arguments = SaverArguments { database: database.to_owned(), ledger: ledger.to_owned(), seed };
        let mut command = Command::new(program);
        arguments.give(&mut command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&log)?);
        let process = Process::start(&mut command)?;
        let ledger = ledger.join(format!("{}.jsonl", process.pid()));
        Ok(Self { process, log, ledger })
    }

    fn wait_for_a_write(&self) -> Result<(), BoxError> {
        let log = || fs::read_to_string(&self.log).unwrap_or_default();
        until("a write", log, || {
            Ok(fs::read_to_string(&self.ledger).is_ok_and(|lines| lines.contains(r#""ended":true"#)))
        })?;
        Ok(())
    }
}

/// What the tasks say of an article.
#[derive(Debug, Default)]
struct Told {
    saves: [i64; SAVED.len()],
    deletions: i64,
}

impl Findings {
    async fn judge(&mut self, database: &str) -> Result<(), BoxError> {
        #[derive(Deserialize)]
        struct Payload {
            instance: Instance,
        }
        #[derive(Deserialize)]
        struct Instance {
            key: i64,
        }
        let (_store, connection) = open(database).await?;
        let mut told: HashMap<i64, Told> = HashMap::new();
        let backend = connection.get_database_backend();
        let all = Statement::from_string(backend, "SELECT receiver, payload FROM signalpost_task");
        for row in connection.query_all_raw(all).await? {
            let (receiver, payload): (String, String) = (row.try_get("", "receiver")?, row.try_get("", "payload")?);
            let payload: Payload = serde_json::from_str(&payload)?;
            let told = told.entry(payload.instance.key).or_default();
            match SAVED.iter().position(|name| *name == receiver) {
                Some(place) => told.saves[place] += 1,
                None if receiver == DELETED => told.deletions += 1,
                None => self.problems.push(format!("a task of `{receiver}`")),
            }
            self.tasks += 1;
        }
        let articles = article::Entity::find().all(&connection).await?;
        self.articles = articles.len();
        for article in articles {
            let told = told.remove(&article.id).unwrap_or_default();
            if told.saves != [article.version; SAVED.len()] || told.deletions != 0 {
                self.problems.push(format!("{article:?} is there, and of it are told {told:?}"));
            }
        }
        for (id, told) in told {
            if told.deletions != 1 || told.saves[0] == 0 || told.saves.iter().any(|saves| *saves != told.saves[0]) {
                self.problems.push(format!("article {id} is not there, and of it are told {told:?}"));
            }
        }
        Ok(())
    }
}
