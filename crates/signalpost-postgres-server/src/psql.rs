//! SQL through PostgreSQL's own client, which needs no runtime and no driver.

use std::path::Path;
use std::process::Command;

use crate::ServerError;

/// Runs the statement in the database, and returns its rows: a line each, the columns separated by `|`.
pub(crate) fn run(psql: &Path, url: &str, sql: &str) -> Result<String, ServerError> {
    let mut command = Command::new(psql);
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
    let done = command.arg("--dbname").arg(url).arg("--command").arg(sql).output();
    let done = done.map_err(|error| ServerError::input_or_output(&psql.display().to_string(), &error))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).trim_end_matches('\n').to_owned());
    }
    Err(ServerError::failed(&format!("`{sql}`"), &String::from_utf8_lossy(&done.stderr)))
}

/// A name as it may stand in a statement, where no parameter can.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
