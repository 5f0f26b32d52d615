//! Invocations of cargo.

use std::env;
use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};

fn cargo() -> Command {
    // The cargo that runs this program, which need not be the first one in the PATH.
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    if env::var_os("CI").is_some() {
        // What is built once gains nothing by being built again faster, and that takes a third of the disk.
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    cargo
}

/// Runs it with its output streamed; true when it succeeded.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, variables: &[(&str, &str)]) -> bool {
    let status = cargo().args(arguments).envs(variables.iter().copied()).status();
    status.inspect_err(|error| eprintln!("cargo could not be started: {error}")).is_ok_and(|status| status.success())
}

/// True when cargo has this subcommand.
pub(crate) fn has(subcommand: &str) -> bool {
    let mut asked = cargo();
    asked.args([subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}
