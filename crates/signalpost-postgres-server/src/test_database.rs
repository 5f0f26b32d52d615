//! A database for one test.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::ServerError;
use crate::programs::Programs;
use crate::psql;
use crate::server::create_database;
use crate::url::with_database;

/// The environment variable with the URL of a database in which databases may be created. `cargo xtask test` sets it,
/// and `cargo xtask postgres` says what to set it to.
pub const TEST_POSTGRES: &str = "SIGNALPOST_TEST_POSTGRES";

/// A database of its own, with a random name, that is removed when this is dropped, whoever is still connected to it.
///
/// Making and removing it need no runtime, and may be done within one. Each blocks for as long as the disk takes to sync:
/// 40 ms on a quiet machine, several times that where many tests do it at once.
///
/// ```no_run
/// use signalpost_postgres_server::TestDatabase;
///
/// #[test]
/// #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
/// fn an_article_is_stored() {
///     let database = TestDatabase::new();
///     println!("{}", database.url());
/// }
/// ```
#[derive(Debug)]
#[must_use = "the database is removed when this is dropped"]
pub struct TestDatabase {
    admin: String,
    name: String,
    url: String,
}

impl TestDatabase {
    /// A new one in the server that [`TEST_POSTGRES`] names.
    ///
    /// # Panics
    ///
    /// When the variable is not set, or the database cannot be made.
    #[expect(
        clippy::new_without_default,
        reason = "it makes something in the world, which nobody expects of a default"
    )]
    pub fn new() -> Self {
        let Ok(admin) = env::var(TEST_POSTGRES) else {
            panic!(
                "this test needs PostgreSQL, and {TEST_POSTGRES} is not set\n  hint: `cargo xtask test` starts a \
                 server and runs everything; `cargo xtask postgres` starts one for single tests, and says what to set"
            );
        };
        Self::in_server(&admin).unwrap_or_else(|error| panic!("a database in {TEST_POSTGRES}: {error}"))
    }

    /// A new one in the server of this URL, which names a database in which databases may be created.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub fn in_server(admin: &str) -> Result<Self, ServerError> {
        let random: String = (0..16).map(|_| fastrand::lowercase()).collect();
        let name = format!("test_{random}");
        psql::run(program(), admin, &create_database(&name))?;
        Ok(Self { url: with_database(admin, &name), admin: admin.to_owned(), name })
    }

    /// Its URL, as that of the server: `postgres://user:password@host:port/name`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a statement in it through `psql`, and returns its rows: a line each, the columns separated by `|`.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says.
    pub fn run_sql(&self, sql: &str) -> Result<String, ServerError> {
        psql::run(program(), &self.url, sql)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE {} WITH (FORCE)", psql::quoted(&self.name));
        // The test may have stopped the server, or be panicking already.
        if let Err(error) = psql::run(program(), &self.admin, &statement) {
            eprintln!("{error}");
        }
    }
}

/// `psql` of the programs that a server would be started with. For a server elsewhere the one in the PATH will do.
fn program() -> &'static Path {
    static PSQL: OnceLock<PathBuf> = OnceLock::new();
    PSQL.get_or_init(|| Programs::find().map_or_else(|_| PathBuf::from("psql"), |programs| programs.psql()))
}
