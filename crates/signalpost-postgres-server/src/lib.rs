//! A PostgreSQL server of one's own, for as long as it is held, and databases in it.
//!
//! ```no_run
//! use signalpost_postgres_server::Server;
//!
//! # fn main() -> Result<(), signalpost_postgres_server::ServerError> {
//! let server = Server::start()?;
//! server.create_database("shop")?;
//! println!("{}", server.url("shop")); // postgres://signalpost:…@127.0.0.1:…/shop
//! drop(server); // it stops, and its files are removed
//! # Ok(())
//! # }
//! ```
//!
//! It ends with the process that started it, even if that is killed: a shell holds the other end of a pipe, and stops
//! the server and removes its files when the pipe closes.
//!
//! A test takes a database instead, in the server that `cargo xtask test` or `cargo xtask postgres` has started: see
//! [`TestDatabase`].

mod error;
mod install;
mod keeper;
mod namespaces;
mod options;
mod pgbouncer;
mod programs;
mod psql;
mod server;
mod test_database;
mod test_role;
mod url;
mod user;

pub use error::ServerError;
pub use namespaces::install_namespaces;
pub use options::ServerOptions;
pub use pgbouncer::{Pgbouncer, PoolMode};
pub use server::Server;
pub use test_database::{TEST_POSTGRES, TestDatabase};
pub use test_role::TestRole;
