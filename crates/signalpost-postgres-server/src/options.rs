//! How a server is to be.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::{Server, ServerError};

/// A server's settings, and where its files are.
///
/// ```no_run
/// # fn main() -> Result<(), signalpost_postgres_server::ServerError> {
/// let server = signalpost_postgres_server::ServerOptions::new()
///     .setting("synchronous_commit", "off")
///     .setting("shared_buffers", "1GB")
///     .start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) namespace: Option<Namespace>,
}

/// A network namespace with an address, and who may come.
#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) range: String,
}

impl ServerOptions {
    /// PostgreSQL's own defaults, but for 300 connections: durable, as in production.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this line of `postgresql.conf`, over the defaults and over an earlier one of the same name. A setting that
    /// PostgreSQL does not know fails the start. The addresses, the port and the socket are not to be set.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With its files in a new directory inside this one, which decides the disk. Default: that for temporary files.
    ///
    /// Under root the server runs as another user, who must be able to reach it.
    #[must_use]
    pub fn inside(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// In the network namespace of this name (see `ip netns`), on that one's `address`, for whoever comes from `range`, such
    /// as `198.18.0.0/24`, with the password. From outside it is reached through its socket. Takes root, and nsenter of
    /// util-linux. Default: on 127.0.0.1, where this process is.
    #[must_use]
    pub fn in_namespace(mut self, name: &str, address: Ipv4Addr, range: &str) -> Self {
        self.namespace = Some(Namespace { name: name.to_owned(), address, range: range.to_owned() });
        self
    }

    /// Starts it. See [`Server::start`].
    ///
    /// # Errors
    ///
    /// As for [`Server::start`].
    pub fn start(&self) -> Result<Server, ServerError> {
        Server::start_with(self)
    }
}
