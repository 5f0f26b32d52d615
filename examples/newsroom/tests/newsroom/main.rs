//! The application as a whole: its own process, its own files.

mod killed;
mod pages;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn newsroom(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_newsroom"));
    command.arg("--data").arg(data).env("RUST_LOG", "error").stdin(Stdio::null());
    command
}

/// A process that is killed when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs until idle; the report, and whether the process exited with 0.
fn run_until_idle(data: &Path) -> (Value, bool) {
    let output = newsroom(data).arg("--exit-when-idle").stderr(Stdio::inherit()).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    (serde_json::from_str(&line).unwrap(), output.status.success())
}

#[test]
fn everything_is_done_at_the_first_start_and_nothing_at_the_second() {
    let data = tempfile::tempdir().unwrap();
    let (report, succeeded) = run_until_idle(data.path());
    assert!(succeeded, "{report}");
    assert_eq!((&report["articles"], &report["succeeded"]), (&6.into(), &24.into()));
    assert_eq!((&report["lost"], &report["dead"], &report["reruns"]), (&0.into(), &0.into(), &0.into()));
    assert_eq!(report["mails"], 30);
    assert!(report["retries"].as_u64().unwrap() >= 1, "the webhook fails at its first call: {report}");
    let (again, succeeded) = run_until_idle(data.path());
    assert!(succeeded);
    assert_eq!(again, report);
}

#[test]
fn a_lost_run_is_told_by_the_exit_code() {
    let data = tempfile::tempdir().unwrap();
    run_until_idle(data.path());
    // As if a receiver had never come to its end.
    let ledger = data.path().join("ledger.jsonl");
    let lines = std::fs::read_to_string(&ledger).unwrap();
    let mut lines: Vec<&str> = lines.lines().collect();
    let done = lines.iter().position(|line| line.contains(r#""done""#)).unwrap();
    lines.remove(done);
    std::fs::write(&ledger, lines.join("\n")).unwrap();
    let (report, succeeded) = run_until_idle(data.path());
    assert_eq!(report["lost"], 1);
    assert!(!succeeded);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = newsroom(data.path()).args(["--port", &port]).output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&format!("cannot serve on port {port}")), "{message}");
    assert!(message.contains("hint: choose another one with --port"), "{message}");
}
