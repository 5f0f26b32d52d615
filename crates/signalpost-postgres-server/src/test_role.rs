//! A role of one's own, for a test.

use std::sync::Arc;

use crate::TestDatabase;
use crate::url::encoded;

/// A role that may log in and nothing else. It goes with everything that it owns in the database.
#[derive(Debug)]
pub struct TestRole {
    database: Arc<TestDatabase>,
    name: String,
    password: String,
}

impl TestRole {
    /// One whose password is `sesame`. `what` tells it from others of the test.
    ///
    /// # Panics
    ///
    /// When the server does not let it be made.
    pub fn new(database: &Arc<TestDatabase>, what: &str) -> Self {
        Self::with_password(database, what, "sesame")
    }

    /// As [`TestRole::new`], with another password.
    ///
    /// # Panics
    ///
    /// As [`TestRole::new`].
    pub fn with_password(database: &Arc<TestDatabase>, what: &str, password: &str) -> Self {
        // Roles belong to the whole server.
        let (name, password) = (format!("{} {what}", database.name()), password.to_owned());
        let quoted = password.replace('\'', "''");
        database.run_sql(&format!("CREATE ROLE \"{name}\" LOGIN PASSWORD '{quoted}'")).unwrap();
        Self { database: database.clone(), name, password }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database's URL, as this role.
    pub fn url(&self) -> String {
        self.url_with(&self.password)
    }

    /// The same with another password.
    ///
    /// # Panics
    ///
    /// Never: the URL of a test database has a user.
    pub fn url_with(&self, password: &str) -> String {
        let (_, server) = self.database.url().split_once('@').unwrap();
        format!("postgres://{}:{}@{server}", encoded(&self.name), encoded(password))
    }
}

impl Drop for TestRole {
    fn drop(&mut self) {
        let name = &self.name;
        for sql in [format!("DROP OWNED BY \"{name}\" CASCADE"), format!("DROP ROLE \"{name}\"")] {
            if let Err(error) = self.database.run_sql(&sql) {
                eprintln!("{error}");
            }
        }
    }
}
