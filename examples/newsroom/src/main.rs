//! A small newspaper. Publishing an article is one transaction: the article and the tasks that follow from it. The
//! request returns at once; mail, index, thumbnail and webhook are background receivers in `receivers/`.
//!
//! Where to start reading: `article.rs` declares the model, `publish.rs` saves it, `receivers/` does the work.

#![allow(unreachable_pub, reason = "a program has no public interface")]

mod article;
mod database;
mod folders;
mod form;
mod ledger;
mod page;
mod picture;
mod publish;
mod receivers;
mod report;
mod sample;
mod search;
mod subscriber;
mod web;
mod webhook;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use sea_orm::DatabaseConnection;
use signalpost::{BoxError, Store, Worker, shutdown_signal};
use tokio::net::TcpListener;

use crate::database::Place;
use crate::folders::Folders;
use crate::ledger::Ledger;
use crate::receivers::webhook::Webhook;

/// A small newspaper with its work done in the background by signalpost.
#[derive(Parser)]
struct Arguments {
    /// What to run [default: both, in one process].
    part: Option<Part>,
    /// The database, which is made ready: the path of a SQLite file, or the URL of a database on PostgreSQL
    /// (`postgres://user:password@host:port/database`) [default: newsroom.db in the directory of --data].
    #[arg(long)]
    database: Option<String>,
    /// The directory of the pictures, the mail and the ledger; it is created. Every process needs the same one.
    #[arg(long, default_value = "newsroom-data")]
    data: PathBuf,
    /// The port of the pages, on 127.0.0.1; a worker by itself calls the webhook there [default: 3000; with
    /// --exit-when-idle any that is free].
    #[arg(long)]
    port: Option<u16>,
    /// Publish the samples, wait until nothing is left to do, print one line of JSON, and exit: 0, or 1 if anything was
    /// lost.
    #[arg(long)]
    exit_when_idle: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The pages, without a worker. Whatever is published waits for one.
    Web,
    /// A worker, without the pages. As many as you like.
    Worker,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,sqlx::postgres::notice=error".into());
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What pages and receivers share.
#[derive(Clone)]
pub struct Newsroom {
    pub(crate) database: DatabaseConnection,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) folders: Folders,
}

async fn run(arguments: Arguments) -> Result<ExitCode, BoxError> {
    let Arguments { part, database, data, port, exit_when_idle } = arguments;
    let folders = Folders::create(&data)?;
    let ledger = Ledger::open(&folders.ledger)?;
    let (store, database) = Place::of(database, &data).open().await?;
    signalpost::install(store.clone()).await?;
    let newsroom = Newsroom { database, store, folders };

    let port = port.unwrap_or(if exit_when_idle && part != Some(Part::Worker) { 0 } else { 3000 });
    let address = match part {
        Some(Part::Worker) => format!("http://127.0.0.1:{port}"),
        _ => {
            let address = serve(&newsroom, port).await?;
            let published = publish::samples(&newsroom).await?;
            introduce(&address, &newsroom.folders, published);
            address
        }
    };
    match (part, exit_when_idle) {
        (Some(Part::Web), false) => shutdown_signal().await,
        (Some(Part::Web), true) => until_idle(&*newsroom.store).await?,
        (_, false) => worker(&newsroom, &address, ledger).run_until_signalled().await?,
        (_, true) => worker(&newsroom, &address, ledger).run_until_idle().await?,
    }
    if !exit_when_idle {
        return Ok(ExitCode::SUCCESS);
    }
    let report = report::Report::of(&newsroom).await?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(if report.lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Serves the pages from now on; says where.
async fn serve(newsroom: &Newsroom, port: u16) -> Result<String, BoxError> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("cannot serve on port {port}: {error}\n  hint: choose another one with --port"))?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, web::routes(newsroom.clone())).into_future());
    Ok(address)
}

/// The worker; the webhook that it calls is at this address.
fn worker(newsroom: &Newsroom, address: &str, ledger: Ledger) -> Worker {
    Worker::new(newsroom.store.clone())
        .data(newsroom.database.clone())
        .data(newsroom.folders.clone())
        .data(ledger)
        .data(Webhook::new(format!("{address}/webhook")))
        .grace(Duration::from_secs(10))
        // No receiver here can crash the process: if it dies with one, it was killed, and that is no fault of theirs.
        .max_deaths_alone(10)
}

/// Waits until workers elsewhere have nothing left to do.
async fn until_idle(store: &dyn Store) -> Result<(), BoxError> {
    while !store.counts().await?.is_idle() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn introduce(address: &str, folders: &Folders, published: usize) {
    // To standard error: standard output is for the report.
    eprintln!("The Harrow Quay Courier is at {address}");
    eprintln!("  publish an article   {address}/publish");
    eprintln!("  watch the tasks      {address}/status");
    eprintln!("  read the mail        {}", folders.mail.join("new").display());
    eprintln!("  {published} of {} sample articles were new and have been published", sample::SAMPLES.len());
    if published > 0 {
        eprintln!("  The webhook refuses its first call for each article on purpose: a warning and a retry follow.");
    }
}
