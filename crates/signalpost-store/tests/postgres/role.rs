//! A role of a test's own.

use std::sync::Arc;

use signalpost_postgres_server::TestDatabase;

/// May log in and nothing else. It goes with everything that it owns in the database.
pub(crate) struct Role {
    database: Arc<TestDatabase>,
    pub(crate) name: String,
    password: String,
}

impl Role {
    pub(crate) fn new(database: &Arc<TestDatabase>, what: &str) -> Self {
        Self::with_password(database, what, "sesame")
    }

    pub(crate) fn with_password(database: &Arc<TestDatabase>, what: &str, password: &str) -> Self {
        // Roles belong to the whole server.
        let (name, password) = (format!("{} {what}", database.name()), password.to_owned());
        let quoted = password.replace('\'', "''");
        database.run_sql(&format!("CREATE ROLE \"{name}\" LOGIN PASSWORD '{quoted}'")).unwrap();
        Self { database: database.clone(), name, password }
    }

    /// The database's URL, as this role.
    pub(crate) fn url(&self) -> String {
        self.url_with(&self.password)
    }

    pub(crate) fn url_with(&self, password: &str) -> String {
        let (_, server) = self.database.url().split_once('@').unwrap();
        format!("postgres://{}:{}@{server}", encoded(&self.name), encoded(password))
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let name = &self.name;
        for sql in [format!("DROP OWNED BY \"{name}\" CASCADE"), format!("DROP ROLE \"{name}\"")] {
            if let Err(error) = self.database.run_sql(&sql) {
                eprintln!("{error}");
            }
        }
    }
}

/// A name as it stands in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Every letter as it may stand in any part of a URL.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
