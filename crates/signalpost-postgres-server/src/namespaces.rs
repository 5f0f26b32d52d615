//! Network namespaces, in which the hosts of a test are, and the server with them.

use std::process::Command;

use crate::ServerError;
use crate::install;
use crate::user::is_root;

/// Makes sure that network namespaces can be made; installs iproute2 where it is missing and this is root on Debian.
///
/// # Errors
///
/// When they cannot ([`ServerError::is_missing`]): this is not root, iproute2 is missing, or a container forbids it.
pub fn install_namespaces() -> Result<(), ServerError> {
    if !is_root() {
        return Err(ServerError::without_namespaces("network namespaces take root"));
    }
    if ip(&["-Version"]).is_err() && install::is_possible() {
        install::install_iproute2().map_err(ServerError::not_installed)?;
    }
    let name: String = (0..6).map(|_| fastrand::lowercase()).collect();
    let name = format!("signalpost-{name}");
    // What the tests do: a namespace with a bridge.
    let made = ip(&["netns", "add", &name])
        .and_then(|()| ip(&["-netns", &name, "link", "add", "bridge", "type", "bridge"]))
        .and_then(|()| ip(&["-netns", &name, "link", "add", "one", "type", "veth", "peer", "name", "other"]));
    let _ = ip(&["netns", "delete", &name]);
    made.map_err(|why| ServerError::without_namespaces(&format!("network namespaces cannot be made: {why}")))
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let said = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if said.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said.stderr).trim().to_owned()) }
}
