//! The pages and the worker as processes of their own.

use std::process::{Command, Stdio};

use crate::pages::address;
use crate::{Home, Running, assert_complete, report};

/// Both end by themselves, and say the same.
fn pages_and_a_worker(home: &Home) {
    let mut pages = home.newsroom();
    pages.args(["web", "--exit-when-idle"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut pages = pages.spawn().unwrap();
    let port = address(&mut pages).rsplit_once(':').unwrap().1.to_owned();
    let worker = home.newsroom().args(["worker", "--exit-when-idle", "--port", &port]).output().unwrap();
    let said = String::from_utf8_lossy(&worker.stderr);
    assert!(worker.status.success(), "{said}");
    let pages = pages.wait_with_output().unwrap();
    assert!(pages.status.success());
    let reports = [report(pages.stdout), report(worker.stdout)];
    assert_complete(&reports[0]);
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn the_pages_and_a_worker_run_in_processes_of_their_own() {
    pages_and_a_worker(&Home::on_sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn the_pages_and_a_worker_run_in_processes_of_their_own_on_postgresql() {
    pages_and_a_worker(&Home::on_postgres());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn processes_that_start_at_the_same_time_share_one_database() {
    let home = Home::on_postgres();
    let workers: Vec<_> = (0..4)
        .map(|_| home.newsroom().args(["worker", "--exit-when-idle"]).stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    for worker in workers {
        assert!(worker.wait_with_output().unwrap().status.success());
    }
}

#[tokio::test]
async fn the_pages_without_a_worker_leave_everything_waiting_and_stop_when_they_are_told_to() {
    let home = Home::on_sqlite();
    let mut pages = home.newsroom().args(["web", "--port", "0"]).stderr(Stdio::piped()).spawn().unwrap();
    let address = address(&mut pages);
    let mut pages = Running(pages);
    let status = reqwest::get(format!("{address}/status")).await.unwrap().text().await.unwrap();
    assert!(status.contains("<dt>Waiting</dt><dd>24</dd>"), "{status}");
    assert!(Command::new("kill").arg(pages.0.id().to_string()).status().unwrap().success());
    assert!(pages.0.wait().unwrap().success());
}
