//! PostgreSQL, its pooler and what makes a network, from Debian's packages.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::process::Command;

use crate::ServerError;
use crate::user::is_root;

/// What Debian does when a version is installed.
const CLUSTERS: &str = "/etc/postgresql-common/createcluster.conf";

/// True for root where there is `apt-get`.
pub(crate) fn is_possible() -> bool {
    is_root() && Command::new("apt-get").arg("--version").output().is_ok_and(|said| said.status.success())
}

/// Installs it, without the server that Debian would start with it.
///
/// # Errors
///
/// What `apt-get` says.
pub(crate) fn install() -> Result<(), ServerError> {
    eprintln!("PostgreSQL is being installed: apt-get install postgresql");
    apt_get(&["update"])?;
    // The setting is a file of this package, and has to stand before the server's package is configured.
    apt_get(&["install", "postgresql-common"])?;
    create_no_cluster().map_err(|error| ServerError::input_or_output(CLUSTERS, &error))?;
    apt_get(&["install", "postgresql"])
}

/// Installs the pooler, without the service that Debian would start with it.
///
/// # Errors
///
/// What `apt-get` says.
pub(crate) fn install_pgbouncer() -> Result<(), ServerError> {
    eprintln!("pgbouncer is being installed: apt-get install pgbouncer");
    apt_get(&["update"])?;
    apt_get(&["install", "pgbouncer"])?;
    // Where systemd does not run there is none.
    let _ = Command::new("systemctl").args(["disable", "--now", "pgbouncer"]).output();
    Ok(())
}

/// Installs what makes network namespaces.
///
/// # Errors
///
/// What `apt-get` says.
pub(crate) fn install_iproute2() -> Result<(), ServerError> {
    eprintln!("iproute2 is being installed: apt-get install iproute2");
    apt_get(&["update"])?;
    apt_get(&["install", "iproute2"])
}

fn create_no_cluster() -> io::Result<()> {
    let setting = "create_main_cluster = false";
    if fs::read_to_string(CLUSTERS)?.lines().any(|line| line.trim() == setting) {
        return Ok(());
    }
    writeln!(OpenOptions::new().append(true).open(CLUSTERS)?, "\n{setting}")
}

fn apt_get(arguments: &[&str]) -> Result<(), ServerError> {
    let mut command = Command::new("apt-get");
    command.args(["--yes", "--no-install-recommends", "--option", "DPkg::Lock::Timeout=300"]).args(arguments);
    let what = format!("apt-get {}", arguments.join(" "));
    let done = command.env("DEBIAN_FRONTEND", "noninteractive").output();
    let done = done.map_err(|error| ServerError::input_or_output(&what, &error))?;
    if done.status.success() {
        return Ok(());
    }
    Err(ServerError::failed(&what, &String::from_utf8_lossy(&done.stderr)))
}
