//! The settings: the stores and their credentials, as the management command hands them over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use signalpost_store::{PostgresCredentials, PostgresOptions, SqliteOptions, Store, StoreError};

use crate::parameters;

const VERSION: u32 = 1;

/// Why the engine does not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The options or the settings are wrong.
    #[error("{0}")]
    Settings(String),
    /// They may be right, but it cannot work with them.
    #[error("{0}")]
    Work(String),
}

/// What stands in the settings. They hold passwords: nothing here is shown.
#[derive(Deserialize)]
pub(crate) struct Settings {
    pub(crate) stores: Vec<StoreSettings>,
}

/// One store.
#[derive(Deserialize)]
pub(crate) struct StoreSettings {
    pub(crate) alias: String,
    #[serde(flatten)]
    database: Database,
}

#[derive(Deserialize)]
#[serde(tag = "vendor", rename_all = "lowercase")]
enum Database {
    Sqlite { path: PathBuf, busy_timeout_ms: Option<u64> },
    Postgresql { parameters: BTreeMap<String, String>, schema: Option<String>, pooled: Option<bool> },
}

impl Settings {
    /// Reads what is behind the descriptor, from its beginning, and closes it.
    pub(crate) fn read(descriptor: RawFd) -> Result<Self, Refusal> {
        // Opened anew: a number alone cannot be trusted to be a file.
        let read = fs::read(format!("/proc/self/fd/{descriptor}"));
        let text = read.map_err(|error| Refusal::Settings(format!("--settings-fd {descriptor}: {error}")))?;
        // Children must not inherit it.
        let _ = nix::unistd::close(descriptor);
        Self::parse(&text)
    }

    fn parse(text: &[u8]) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let wrong = |error: serde_json::Error| {
            // Not its own message: that may repeat what stands there.
            let (line, column) = (error.line(), error.column());
            Refusal::Settings(format!("the settings are not what they should be, at line {line}, column {column}"))
        };
        let Version { version } = serde_json::from_slice(text).map_err(wrong)?;
        if version != VERSION {
            let problem = format!("the settings have version {version}, and this engine knows {VERSION}");
            return Err(Refusal::Settings(problem));
        }
        let settings: Self = serde_json::from_slice(text).map_err(wrong)?;
        if settings.stores.is_empty() {
            return Err(Refusal::Settings("the settings name no store".to_owned()));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = settings.stores.iter().find(|store| !seen.insert(&store.alias)) {
            return Err(Refusal::Settings(format!("the store `{}` is named twice", twice.alias)));
        }
        // All of them, before one is opened.
        settings.stores.iter().try_for_each(|store| store.checked_url().map(drop))?;
        Ok(settings)
    }
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings").field("alias", &self.alias).finish_non_exhaustive()
    }
}

/// A store that was opened, and what its server lets it in with.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) credentials: Option<PostgresCredentials>,
}

impl StoreSettings {
    /// Where the database is, with the credentials; `None`: in a file.
    pub(crate) fn url(&self) -> Result<Option<String>, String> {
        match &self.database {
            Database::Sqlite { .. } => Ok(None),
            Database::Postgresql { parameters, .. } => parameters::url_of(parameters).map(Some),
        }
    }

    fn checked_url(&self) -> Result<Option<String>, Refusal> {
        self.url().map_err(|problem| Refusal::Settings(format!("store `{}`: {problem}", self.alias)))
    }

    /// Opens the store. Its tables are Django's affair.
    pub(crate) async fn open(&self) -> Result<Opened, Refusal> {
        let alias = &self.alias;
        let mut credentials = None;
        let opened: Result<Arc<dyn Store>, StoreError> = match &self.database {
            Database::Sqlite { path, busy_timeout_ms } => {
                if !path.is_absolute() {
                    return Err(Refusal::Settings(format!("store `{alias}`: its path is not absolute")));
                }
                let options = SqliteOptions::new(path).create_tables(false);
                let options = match busy_timeout_ms {
                    Some(timeout) => options.busy_timeout(Duration::from_millis(*timeout)),
                    None => options,
                };
                options.open().map(|store| Arc::new(store) as _)
            }
            Database::Postgresql { schema, pooled, .. } => {
                match PostgresCredentials::new(&self.checked_url()?.unwrap_or_default()) {
                    Err(error) => Err(error),
                    Ok(given) => {
                        let options = PostgresOptions::with_credentials(credentials.insert(given)).create_tables(false);
                        let options = schema.iter().fold(options, |options, schema| options.schema(schema));
                        let options = pooled.iter().fold(options, |options, pooled| options.behind_pooler(*pooled));
                        options.open().await.map(|store| Arc::new(store) as _)
                    }
                }
            }
        };
        opened.map(|store| Opened { store, credentials }).map_err(|error| match error.is_without_tables() {
            true => Refusal::Work(format!("store `{alias}`: its tables are missing: run `manage.py migrate`")),
            false => Refusal::Work(format!("store `{alias}`: {}", error.in_one_line())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::IntoRawFd;

    fn refused(text: &str) -> String {
        match Settings::parse(text.as_bytes()) {
            Err(Refusal::Settings(why)) => why,
            _ => panic!("not refused: {text}"),
        }
    }

    #[test]
    fn settings_are_read_from_a_descriptor_that_is_closed_then() {
        let mut file = tempfile::tempfile().unwrap();
        let text = r#"{"version": 1, "stores": [{"alias": "default", "vendor": "sqlite", "path": "/a", "new": 3},
            {"alias": "pg", "vendor": "postgresql", "parameters": {"dbname": "x"}, "schema": null}]}"#;
        file.write_all(text.as_bytes()).unwrap();
        let descriptor = file.into_raw_fd();
        let settings = Settings::read(descriptor).unwrap();
        let aliases: Vec<&str> = settings.stores.iter().map(|store| &*store.alias).collect();
        assert_eq!(aliases, ["default", "pg"]);
        assert!(Settings::read(1_000_000).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_without_what_stands_there() {
        assert!(refused(r#"{"version": 2, "new": []}"#).contains("version 2"));
        assert!(refused(r#"{"version": 1, "stores": []}"#).contains("no store"));
        let twice = r#"{"version": 1, "stores": [{"alias": "a", "vendor": "sqlite", "path": "/a"}, {"alias": "a", "vendor": "sqlite", "path": "/b"}]}"#;
        assert!(refused(twice).contains("twice"));
        let secret = r#"{"version": 1, "stores": [{"alias": "a", "vendor": "postgresql", "parameters": "s3cret"}]}"#;
        assert!(!refused(secret).contains("s3cret"));
        assert!(refused("").contains("line 1"));
    }

    #[tokio::test]
    async fn a_database_that_nobody_has_migrated_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.db");
        let database = Database::Sqlite { path: path.clone(), busy_timeout_ms: None };
        let opened = StoreSettings { alias: "default".to_owned(), database }.open().await;
        let Err(refusal) = opened else { panic!("it was opened") };
        assert!(refusal.to_string().contains("migrate"), "{refusal}");
        assert!(!path.exists());
    }
}
