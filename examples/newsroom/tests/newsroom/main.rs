//! The application as a whole: its own process, its own files, on each database.

mod killed;
mod pages;
mod processes;
mod refusals;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use signalpost_postgres_server::TestDatabase;
use tempfile::TempDir;

/// Where a newspaper is made: its files, and its database on PostgreSQL unless that is one of them.
struct Home {
    data: TempDir,
    postgres: Option<TestDatabase>,
}

impl Home {
    fn on_sqlite() -> Self {
        Self { data: tempfile::tempdir().unwrap(), postgres: None }
    }

    fn on_postgres() -> Self {
        Self { postgres: Some(TestDatabase::new()), ..Self::on_sqlite() }
    }

    fn data(&self) -> &Path {
        self.data.path()
    }

    fn newsroom(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_newsroom"));
        command.arg("--data").arg(self.data()).env("RUST_LOG", "error").stdin(Stdio::null());
        if let Some(database) = &self.postgres {
            command.args(["--database", database.url()]);
        }
        command
    }

    /// Runs until idle; the report, and whether the process exited with 0.
    fn run_until_idle(&self) -> (Value, bool) {
        let output = self.newsroom().arg("--exit-when-idle").stderr(Stdio::inherit()).output().unwrap();
        (report(output.stdout), output.status.success())
    }
}

fn report(standard_output: Vec<u8>) -> Value {
    let line = String::from_utf8(standard_output).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    serde_json::from_str(&line).unwrap()
}

/// Everything was done, however often.
fn assert_complete(report: &Value) {
    assert_eq!((&report["articles"], &report["succeeded"]), (&6.into(), &24.into()), "{report}");
    assert_eq!((&report["lost"], &report["dead"], &report["mails"]), (&0.into(), &0.into(), &30.into()), "{report}");
}

/// A process that is killed when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn everything_is_done_once(home: &Home) {
    let (report, succeeded) = home.run_until_idle();
    assert!(succeeded, "{report}");
    assert_complete(&report);
    assert_eq!(report["reruns"], 0);
    assert!(report["retries"].as_u64().unwrap() >= 1, "the webhook fails at its first call: {report}");
    let (again, succeeded) = home.run_until_idle();
    assert!(succeeded);
    assert_eq!(again, report);
}

#[test]
fn everything_is_done_at_the_first_start_and_nothing_at_the_second() {
    everything_is_done_once(&Home::on_sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn everything_is_done_at_the_first_start_and_nothing_at_the_second_on_postgresql() {
    everything_is_done_once(&Home::on_postgres());
}

#[test]
fn a_lost_run_is_told_by_the_exit_code() {
    let home = Home::on_sqlite();
    home.run_until_idle();
    // As if a receiver had never come to its end.
    let ledger = home.data().join("ledger.jsonl");
    let lines = std::fs::read_to_string(&ledger).unwrap();
    let mut lines: Vec<&str> = lines.lines().collect();
    let done = lines.iter().position(|line| line.contains(r#""done""#)).unwrap();
    lines.remove(done);
    std::fs::write(&ledger, lines.join("\n")).unwrap();
    let (report, succeeded) = home.run_until_idle();
    assert_eq!(report["lost"], 1);
    assert!(!succeeded);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Home::on_sqlite().newsroom().args(["--port", &port]).output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&format!("cannot serve on port {port}")), "{message}");
    assert!(message.contains("hint: choose another one with --port"), "{message}");
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://editor:secret@{closed}/newsroom");
    let output = Home::on_sqlite().newsroom().args(["--database", &url]).output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&format!("PostgreSQL at {closed}, database `newsroom` cannot be reached")), "{message}");
    assert!(message.contains("hint: check host and port") && !message.contains("secret"), "{message}");
}
