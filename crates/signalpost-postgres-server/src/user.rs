//! Whom PostgreSQL's programs run as. They refuse root.

use std::process::Command;

/// A user other than this process's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    pub(crate) id: u32,
    pub(crate) group: u32,
}

impl User {
    /// The one that Debian's package makes, or the one that every system has.
    pub(crate) fn instead_of_root() -> Option<Self> {
        let user = |name| Some(Self { id: asked(&["-u", name])?, group: asked(&["-g", name])? });
        user("postgres").or_else(|| user("nobody"))
    }
}

pub(crate) fn is_root() -> bool {
    asked(&["-u"]) == Some(0)
}

fn asked(arguments: &[&str]) -> Option<u32> {
    let said = Command::new("id").args(arguments).output().ok().filter(|said| said.status.success())?;
    String::from_utf8_lossy(&said.stdout).trim().parse().ok()
}
