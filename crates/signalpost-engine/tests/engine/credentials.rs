//! A store on PostgreSQL, and a password that is changed under the engine.

use crate::{Site, until};
use rustix::process::Signal;
use signalpost_postgres_server::{TestDatabase, TestRole};
use signalpost_store::{EndState, NewTask, PostgresStore, Store};
use std::fs;
use std::io::{Seek, Write};
use std::sync::Arc;

/// What Django would say of this role's connection.
fn settings(database: &TestDatabase, role: &TestRole, password: &str) -> String {
    let (_, server) = database.url().rsplit_once('@').unwrap();
    let (address, name) = server.split_once('/').unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let role = role.name();
    format!(
        r#"{{"alias": "default", "vendor": "postgresql", "parameters": {{"host": "{host}", "port": "{port}",
            "dbname": "{name}", "user": "{role}", "password": "{password}", "connect_timeout": "5"}}}}"#
    )
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn the_engine_asks_a_child_for_the_password_when_the_old_one_is_refused() {
    let database = Arc::new(TestDatabase::new());
    let store = PostgresStore::connect(database.url()).await.unwrap();
    let role = TestRole::with_password(&database, "engine", "old");
    let sql = |sql: &str| database.run_sql(sql).unwrap();
    let name = role.name();
    sql(&format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO \"{name}\""));
    sql(&format!("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO \"{name}\""));

    let site = Site::with_stores(&[]);
    let mut given = tempfile::tempfile().unwrap();
    write!(given, r#"{{"version": 1, "stores": [{}]}}"#, settings(&database, &role, "old")).unwrap();
    given.rewind().unwrap();
    let engine = site.start_with(&given, "", &["--processes", "1"]);
    let send = async || store.insert(vec![NewTask::new("tests.signal", "ok", "{}")]).await.unwrap();
    send().await;
    let succeeded = async |count| {
        until(&store, async |store| store.counts().await.unwrap().ended(EndState::Succeeded) == count).await;
    };
    succeeded(1).await;

    fs::write(site.directory.path().join("credentials"), settings(&database, &role, "new")).unwrap();
    sql(&format!("ALTER ROLE \"{name}\" PASSWORD 'new'"));
    sql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}'"));
    site.wait_for("asked for default");
    send().await;
    succeeded(2).await;
    engine.signal(Signal::TERM);
    site.wait_for("stopped");
}
