//! The C compiler, which the bundled SQLite is built with.

use std::env;
use std::process::{Command, Stdio};

/// True when there is one. On Debian, as root, installs it where there is none; elsewhere says what to install.
pub(crate) fn is_ready() -> bool {
    // What `CC` names may be a command with arguments: the build finds out.
    if env::var_os("CC").is_some() || answers("cc") {
        return true;
    }
    if is_root() && answers("apt-get") {
        println!("== C compiler: apt-get install -y gcc");
        // Without its headers a compiler compiles nothing, and they are only a recommendation of Debian's.
        if apt_get(&["update"]) && apt_get(&["install", "-y", "gcc", "libc6-dev"]) && answers("cc") {
            return true;
        }
    }
    eprintln!(
        "cargo xtask: there is no C compiler, and SQLite is built from source\n  hint: install one, so that \
         `cc --version` works: `apt-get install gcc libc6-dev` on Debian and Ubuntu, `dnf install gcc` on Fedora, \
         `apk add build-base` on Alpine, `xcode-select --install` on macOS"
    );
    false
}

fn answers(program: &str) -> bool {
    let mut asked = Command::new(program);
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn apt_get(arguments: &[&str]) -> bool {
    let mut asked = Command::new("apt-get");
    asked.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    asked.status().is_ok_and(|status| status.success())
}
