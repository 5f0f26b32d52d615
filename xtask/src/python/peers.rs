//! Whom the Django worker is measured against: their packages, and the broker that one of them needs.

use std::process::Command;

use super::environment::{Environment, Tools, succeed};
use crate::user::is_root;

/// What says which of their packages an environment has.
const PEERS: &str = "peers.txt";

/// Installs them, as far as they can be had. What cannot is said here, and the measurements name who is missing.
pub(crate) fn install(tools: &Tools, environment: &Environment, requirements: &str) {
    if environment.note(PEERS).is_none_or(|before| before != requirements) {
        // One by one: where one is not to be had, the others are measured.
        let failed = requirements_of(requirements).filter_map(|each| tools.install(environment, &[each]).err());
        let failed: Vec<String> = failed.inspect(|error| eprintln!("== {error}")).collect();
        // Else it is tried again the next time.
        if failed.is_empty()
            && let Err(error) = environment.write_note(PEERS, requirements)
        {
            eprintln!("== {error}");
        }
    }
    if let Err(error) = install_redis() {
        eprintln!("== {error}");
    }
}

fn requirements_of(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Root on Debian has Redis installed, without the service that would be started with it.
fn install_redis() -> Result<(), String> {
    let can_be_asked = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if can_be_asked("redis-server") || !is_root() || !can_be_asked("apt-get") {
        return Ok(());
    }
    eprintln!("== Redis is being installed: apt-get install redis-server");
    for arguments in [&["update"][..], &["install", "redis-server"]] {
        let mut apt_get = Command::new("apt-get");
        apt_get.args(["--yes", "--no-install-recommends", "--option", "DPkg::Lock::Timeout=300"]).args(arguments);
        apt_get.env("DEBIAN_FRONTEND", "noninteractive");
        succeed(apt_get)?;
    }
    // Where systemd does not run there is none.
    let _ = Command::new("systemctl").args(["disable", "--now", "redis-server"]).output();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_no_requirements() {
        let text = "# Why.\n\ncelery[redis]>=5.5\n  # And more.\ndjango-q2>=1.8\n";
        assert_eq!(requirements_of(text).collect::<Vec<_>>(), ["celery[redis]>=5.5", "django-q2>=1.8"]);
    }
}
