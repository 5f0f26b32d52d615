//! A task that kills its workers. What is logged of it is for the whole process.

mod common;

use common::Warnings;
use signalpost::{SqliteStore, Store, Worker};
use signalpost_store::{ClaimRequest, NewTask};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_dead_because_it_killed_its_workers_is_logged() {
    let log = Warnings::listen();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.db");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let task = store.insert(vec![NewTask::new("tests.signal", "kills", "{}")]).await.unwrap()[0];
    let dead = SqliteStore::open(&path).unwrap();
    let victim = dead.register(Duration::from_secs(3600)).await.unwrap().id;
    let claim = dead.claim(&victim, &ClaimRequest::new(["default"], 1)).await.unwrap();
    assert_eq!(claim.tasks.len(), 1);
    let suspect = "UPDATE signalpost_task SET deaths = 2, attempt = 3";
    rusqlite::Connection::open(&path).unwrap().execute_batch(suspect).unwrap();
    drop(dead);
    let worker = Worker::new(store).max_deaths_alone(1);
    tokio::time::timeout(Duration::from_secs(60), worker.run_until_idle()).await.unwrap().unwrap();
    let logged = log.take();
    let is_it = |line: &String| {
        line.starts_with("ERROR ")
            && line.contains("message=dead")
            && line.contains(&format!("task={task} "))
            && line.contains(&format!("worker={victim} "))
    };
    assert!(logged.iter().any(is_it), "{logged:?}");
}
