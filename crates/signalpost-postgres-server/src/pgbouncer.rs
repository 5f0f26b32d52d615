//! A pooler before a server, for as long as it is held.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::ServerError;
use crate::install;
use crate::url::{Address, with_address};
use crate::user::{self, User};

/// When nobody holds the other end of its stdin any more it ends pgbouncer, and removes the directory.
const KEEPER: &str = r#""$0" pgbouncer.ini 2>&1 & read -r _; kill $!; wait; rm -rf "$PWD""#;

/// Where Debian keeps it, which is in the PATH of root only.
const DEBIAN: &str = "/usr/sbin/pgbouncer";

/// When a session of the server is given to another client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// When the client has gone. There are twenty sessions for a database.
    Session,
    /// After each transaction. There are three sessions for a database, so that they are shared.
    Transaction,
}

/// pgbouncer before the server of a URL, which ends when this is dropped or when the process ends in any way.
///
/// ```no_run
/// use signalpost_postgres_server::{Pgbouncer, PoolMode, TestDatabase};
///
/// let database = TestDatabase::new();
/// let pooler = Pgbouncer::start(database.url(), PoolMode::Transaction).unwrap();
/// println!("{}", pooler.url()); // the same database
/// ```
#[must_use = "pgbouncer ends when this is dropped"]
pub struct Pgbouncer {
    keeper: Child,
    _directory: TempDir,
    url: String,
}

impl Pgbouncer {
    /// Finds it, and installs it where it is missing and this is root on Debian.
    ///
    /// # Errors
    ///
    /// When it is missing ([`ServerError::is_missing`]).
    pub fn install() -> Result<(), ServerError> {
        if program().is_none() && install::is_possible() {
            install::install_pgbouncer().map_err(ServerError::not_installed)?;
        }
        program().map(drop).ok_or_else(ServerError::without_pgbouncer)
    }

    /// Starts one, and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// When it is missing ([`ServerError::is_missing`]), or does not start; then with what it said.
    pub fn start(url: &str, mode: PoolMode) -> Result<Self, ServerError> {
        let program = program().ok_or_else(ServerError::without_pgbouncer)?;
        let failed = |error| ServerError::input_or_output("pgbouncer", &error);
        loop {
            let port = free_port().map_err(failed)?;
            let directory = directory(url, mode, port).map_err(failed)?;
            let mut keeper = keeper(&program, directory.path()).map_err(failed)?;
            let Some(output) = keeper.stdout.take() else { continue };
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            let mut said = Vec::new();
            let is_up = lines.by_ref().any(|line| {
                said.push(line);
                said.last().is_some_and(|line| line.contains("process up"))
            });
            if is_up {
                // What nobody reads would hold it up.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Self { keeper, _directory: directory, url: with_address(url, "127.0.0.1", port) });
            }
            let _ = keeper.wait();
            let said = said.join("\n");
            // Otherwise somebody was quicker to take the port.
            if !said.contains("Address already in use") {
                return Err(ServerError::failed("pgbouncer", &said));
            }
        }
    }

    /// The database's URL through it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        // Waiting closes its stdin.
        let _ = self.keeper.wait();
    }
}

impl fmt::Debug for Pgbouncer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pgbouncer").finish_non_exhaustive()
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|directory| directory.join("pgbouncer"));
    places.find(|place| place.is_file()).or_else(|| Some(PathBuf::from(DEBIAN)).filter(|place| place.is_file()))
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whoever may connect here may do so as the user of the URL: it is for tests.
fn directory(url: &str, mode: PoolMode, port: u16) -> io::Result<TempDir> {
    let Address { user, password, host, port: server_port } = Address::of(url);
    let quoted = |text: &str| text.replace('\'', "''");
    let password = quoted(&password);
    let (mode, sessions) = match mode {
        PoolMode::Session => ("session", 20),
        PoolMode::Transaction => ("transaction", 3),
    };
    let settings = format!(
        "[databases]\n* = host={host} port={server_port} user='{}' password='{password}'\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
         pool_mode = {mode}\ndefault_pool_size = {sessions}\nmax_client_conn = 200\n",
        quoted(&user)
    );
    let directory = tempfile::Builder::new().prefix("signalpost-pgbouncer-").tempdir()?;
    fs::write(directory.path().join("pgbouncer.ini"), settings)?;
    if let Some(User { id, group }) = other_user() {
        chown(directory.path(), Some(id), Some(group))?;
    }
    Ok(directory)
}

/// It refuses to run as root.
fn other_user() -> Option<User> {
    if user::is_root() { User::instead_of_root() } else { None }
}

fn keeper(program: &Path, directory: &Path) -> io::Result<Child> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", KEEPER]).arg(program).current_dir(directory);
    if let Some(User { id, group }) = other_user() {
        shell.uid(id).gid(group);
    }
    shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}
