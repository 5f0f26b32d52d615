//! The process that ends the server when this one has ended.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::ServerError;
use crate::programs::Programs;
use crate::user::User;

/// A shell that runs `keeper.sh`. It carries out all that is done to the server, one after the other, so that it is in
/// the middle of nothing when it has to end it.
pub(crate) struct Keeper {
    directory: PathBuf,
    process: Child,
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Keeper {
    /// For a server in the directory. With a user, everything is run as that one; with a namespace, in that one.
    pub(crate) fn start(
        programs: &Programs,
        directory: &Path,
        user: Option<User>,
        namespace: Option<&str>,
    ) -> io::Result<Self> {
        let mut shell = shell(user, namespace);
        shell.args(["-c", include_str!("keeper.sh"), "signalpost-postgres"]);
        shell.arg(programs.directory()).arg(directory).current_dir(directory);
        // The variables of PostgreSQL, the locale and what cargo sets are not the server's.
        shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // In a group of its own it does not see the Ctrl-C that ends the others. It does have their stderr, on which it
        // writes nothing: whoever reads that to its end has waited for the server's end.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = shell.spawn()?;
        let pipes = process.stdin.take().zip(process.stdout.take().map(BufReader::new));
        Ok(Self { directory: directory.to_owned(), process, pipes: Mutex::new(pipes) })
    }

    /// Has it carried out, and waits until it is.
    ///
    /// # Errors
    ///
    /// What the programs said.
    pub(crate) fn order(&self, order: &str) -> Result<(), ServerError> {
        let what = format!("PostgreSQL's {order}");
        let mut answer = String::new();
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (orders, answers) = pipes.as_mut().expect("the pipes are there until the keeper is dropped");
        let told = writeln!(orders, "{order}").and_then(|()| answers.read_line(&mut answer));
        told.map_err(|error| ServerError::input_or_output(&what, &error))?;
        match answer.trim() {
            "0" => Ok(()),
            "" => Err(ServerError::failed(&what, "the process that keeps the server has ended")),
            _status => {
                let said = fs::read(self.directory.join("output")).unwrap_or_default();
                Err(ServerError::failed(&what, &String::from_utf8_lossy(&said)))
            }
        }
    }
}

fn shell(user: Option<User>, namespace: Option<&str>) -> Command {
    const SHELL: &str = "/bin/sh";
    let Some(namespace) = namespace else {
        let mut shell = Command::new(SHELL);
        if let Some(User { id, group }) = user {
            shell.uid(id).gid(group);
        }
        return shell;
    };
    // Who is in the namespace is another user from then on, and not before: it takes root to get there.
    let mut shell = Command::new("nsenter");
    shell.arg(format!("--net=/run/netns/{namespace}"));
    if let Some(User { id, group }) = user {
        shell.args(["--setuid", &id.to_string(), "--setgid", &group.to_string()]);
    }
    shell.arg(SHELL);
    shell
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.pipes.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // Nothing can be done about it here; the directory is removed in any case.
        let _ = self.process.wait();
    }
}
