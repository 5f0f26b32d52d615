//! A server, for as long as it is held.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::keeper::Keeper;
use crate::options::Namespace;
use crate::programs::Programs;
use crate::psql;
use crate::url::encoded;
use crate::user::{self, User};
use crate::{ServerError, ServerOptions};

/// Who may do everything in it.
const USER: &str = "signalpost";

/// Below those that systems give to outgoing connections: one of these stays free while the server is stopped.
const PORTS: std::ops::Range<u16> = 10_240..32_768;

/// A PostgreSQL server with files of its own, which ends when this is dropped, or when the process ends in any way.
///
/// It listens on a free port of 127.0.0.1 and on a socket in its own directory, and wants a password on both. It has
/// PostgreSQL's default settings, but for 300 connections; [`ServerOptions`] changes them. Databases are in UTF-8 and
/// sort by code point (`C.UTF-8`), which is there on every Debian and gives the same order on all of them.
pub struct Server {
    // Dropped before the directory: it ends the server.
    keeper: Keeper,
    directory: TempDir,
    programs: Programs,
    password: String,
    port: u16,
    /// In a network namespace of its own.
    is_elsewhere: bool,
}

impl Server {
    /// Starts one with the default [`ServerOptions`], and waits until it accepts connections: about a second.
    ///
    /// PostgreSQL's programs, 15 or newer, are taken from the PATH, else from `/usr/lib/postgresql`. Where there are
    /// none and this is root on Debian, they are installed. Under root the server runs as the user `postgres`, or as
    /// `nobody`, as PostgreSQL refuses to run as root.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is missing ([`ServerError::is_missing`]), or does not start; then with what it said.
    pub fn start() -> Result<Self, ServerError> {
        ServerOptions::new().start()
    }

    pub(crate) fn start_with(options: &ServerOptions) -> Result<Self, ServerError> {
        let programs = Programs::find_or_install()?;
        let parent = options.directory.clone().unwrap_or_else(std::env::temp_dir);
        let in_parent = |error| ServerError::input_or_output(&format!("a server in {}", parent.display()), &error);
        let directory =
            tempfile::Builder::new().prefix("signalpost-postgres-").tempdir_in(&parent).map_err(in_parent)?;
        let password: String = (0..24).map(|_| fastrand::alphanumeric()).collect();
        fs::write(directory.path().join("password"), &password).map_err(in_parent)?;
        let user = hand_over(directory.path()).map_err(in_parent)?;
        let namespace = options.namespace.as_ref().map(|namespace| &*namespace.name);
        let keeper = Keeper::start(&programs, directory.path(), user, namespace).map_err(|error| {
            in_parent(error).with_hint("under root the server runs as another user, who must be able to reach it")
        })?;
        let is_elsewhere = namespace.is_some();
        let mut server = Self { keeper, directory, programs, password, port: 0, is_elsewhere };
        server.keeper.order("init")?;
        server.configure(options)?;
        server.start_on_a_free_port()?;
        Ok(server)
    }

    fn configure(&self, options: &ServerOptions) -> Result<(), ServerError> {
        match &options.namespace {
            None => self.set("listen_addresses", "127.0.0.1")?,
            Some(Namespace { address, range, .. }) => {
                self.set("listen_addresses", &address.to_string())?;
                self.append("pg_hba.conf", &format!("host all all {range} scram-sha-256"))?;
            }
        }
        self.set("unix_socket_directories", &self.directory().display().to_string())?;
        self.set("max_connections", "300")?;
        options.settings.iter().try_for_each(|(name, value)| self.set(name, value))
    }

    /// The last line of a name is the one that counts.
    fn set(&self, name: &str, value: &str) -> Result<(), ServerError> {
        let value = value.replace('\\', r"\\").replace('\'', "''");
        self.append("postgresql.conf", &format!("{name} = '{value}'"))
    }

    fn append(&self, file: &str, line: &str) -> Result<(), ServerError> {
        let file = self.directory().join("data").join(file);
        let written = OpenOptions::new().append(true).open(&file).and_then(|mut file| writeln!(file, "{line}"));
        written.map_err(|error| ServerError::input_or_output(&file.display().to_string(), &error))
    }

    fn start_on_a_free_port(&mut self) -> Result<(), ServerError> {
        loop {
            self.port = fastrand::u16(PORTS);
            if !is_free(self.port) {
                continue;
            }
            self.set("port", &self.port.to_string())?;
            match self.order("start") {
                // Somebody else was quicker.
                Err(_) if !is_free(self.port) => {}
                started => return started,
            }
        }
    }

    /// What PostgreSQL says about a failure is at the end of its log.
    fn order(&self, order: &str) -> Result<(), ServerError> {
        self.keeper.order(order).map_err(|error| {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            error.with_details(&lines[lines.len().saturating_sub(10)..].join("\n"))
        })
    }

    /// The URL of a database: `postgres://user:password@127.0.0.1:port/database`, or that of its socket if the server is in
    /// another network namespace. `postgres` is there from the start; the user may do everything.
    pub fn url(&self, database: &str) -> String {
        if self.is_elsewhere { self.socket_url(database) } else { self.url_at("127.0.0.1", database) }
    }

    /// As [`Server::url`], through the socket: its directory stands, encoded, where the host would, as libpq, sqlx and
    /// tokio-postgres understand it.
    pub fn socket_url(&self, database: &str) -> String {
        self.url_at(&encoded(&self.directory().display().to_string()), database)
    }

    /// As [`Server::url`], with another host: see [`ServerOptions::in_namespace`].
    pub fn url_at(&self, host: &str, database: &str) -> String {
        format!("postgres://{USER}:{}@{host}:{}/{}", self.password, self.port, encoded(database))
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of its user, 24 letters and digits.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// PostgreSQL's version, such as `15.13`.
    pub fn version(&self) -> &str {
        self.programs.version()
    }

    /// Where its files, its socket and its log are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file it logs to.
    pub fn log_file(&self) -> PathBuf {
        self.directory().join("log")
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// Makes a database with nothing in it.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says: that it is there already, for instance.
    pub fn create_database(&self, name: &str) -> Result<(), ServerError> {
        self.run_sql("postgres", &create_database(name)).map(drop)
    }

    /// Runs a statement through `psql`, and returns its rows: a line each, the columns separated by `|`.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub fn run_sql(&self, database: &str, sql: &str) -> Result<String, ServerError> {
        psql::run(&self.programs.psql(), &self.url(database), sql)
    }

    /// Stops it in good order: sessions end with an error that says so, and everything is on disk. [`Server::restart`]
    /// starts it again.
    ///
    /// As in [`Server::crash`], a connection that arrives meanwhile and says nothing keeps PostgreSQL waiting for up to
    /// its `authentication_timeout`, a minute.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn stop(&self) -> Result<(), ServerError> {
        self.order("stop")
    }

    /// Stops it at once, as a crash would: what was committed is recovered by the next [`Server::restart`].
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn crash(&self) -> Result<(), ServerError> {
        self.order("crash")
    }

    /// Starts it again, on the same port and with the same data, and waits until it accepts connections. If it runs it
    /// is stopped first, in good order.
    ///
    /// # Errors
    ///
    /// When it does not start; with its log.
    pub fn restart(&self) -> Result<(), ServerError> {
        self.order("restart")
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.directory();
        f.debug_struct("Server").field("port", &self.port).field("directory", &directory).finish_non_exhaustive()
    }
}

/// From `template0`, as nobody can be connected to it. Copied through the log, the default: a copy of the files takes two
/// checkpoints, and was up to twice as slow where two were made at once.
pub(crate) fn create_database(name: &str) -> String {
    format!("CREATE DATABASE {} TEMPLATE template0", psql::quoted(name))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Root's directory is given to the user whom the server will run as. Nobody else needs one.
fn hand_over(directory: &Path) -> io::Result<Option<User>> {
    if !user::is_root() {
        return Ok(None);
    }
    let Some(user) = User::instead_of_root() else {
        return Err(io::Error::other("PostgreSQL refuses to run as root, and there is no user postgres or nobody"));
    };
    chown(directory, Some(user.id), Some(user.group))?;
    Ok(Some(user))
}
