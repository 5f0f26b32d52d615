//! A small newspaper. Publishing an article is one transaction: the article and the tasks that follow from it. The
//! request returns at once; mail, index, thumbnail and webhook are background receivers in `receivers/`.
//!
//! Where to start reading: `signals.rs` says what is sent, `publish.rs` sends it, `receivers/` does the work.

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
mod signals;
mod subscriber;
mod web;
mod webhook;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use sea_orm::DatabaseConnection;
use signalpost::{BoxError, SqliteStore, Store, Worker};
use tokio::net::TcpListener;

use crate::folders::Folders;
use crate::ledger::Ledger;
use crate::receivers::webhook::Webhook;

/// A small newspaper with its work done in the background by signalpost.
#[derive(Parser)]
struct Arguments {
    /// The directory of the database, the pictures and the mail; it is created.
    #[arg(long, default_value = "newsroom-data")]
    data: PathBuf,
    /// The port to serve on, on 127.0.0.1 [default: 3000; with --exit-when-idle any that is free].
    #[arg(long)]
    port: Option<u16>,
    /// Publish the samples, wait until nothing is left to do, print one line of JSON, and exit: 0, or 1 if anything was
    /// lost.
    #[arg(long)]
    exit_when_idle: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
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
    let folders = Folders::create(&arguments.data)?;
    let ledger = Ledger::open(&folders.ledger)?;
    // The store first: it switches the file to WAL.
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folders.database)?);
    signalpost::install(store.clone()).await?;
    let database = database::open(&folders.database).await?;
    let newsroom = Newsroom { database: database.clone(), store: store.clone(), folders: folders.clone() };

    let port = arguments.port.unwrap_or(if arguments.exit_when_idle { 0 } else { 3000 });
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("cannot serve on port {port}: {error}\n  hint: choose another one with --port"))?;
    let address = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(axum::serve(listener, web::routes(newsroom.clone())).into_future());

    let worker = Worker::new(store)
        .data(database.clone())
        .data(folders.clone())
        .data(ledger)
        .data(Webhook::new(format!("{address}/webhook")))
        .grace(Duration::from_secs(10));

    let published = publish::samples(&newsroom).await?;
    introduce(&address, &folders, published);
    if arguments.exit_when_idle {
        worker.run_until_idle().await?;
        let report = report::Report::of(&newsroom).await?;
        println!("{}", serde_json::to_string(&report)?);
        return Ok(if report.lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    worker.run_until_signalled().await?;
    server.abort();
    Ok(ExitCode::SUCCESS)
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
