//! A password that is changed while a store works.

use std::sync::Arc;

use signalpost_postgres_server::{TestDatabase, TestRole};
use signalpost_store::{PostgresCredentials, PostgresOptions, Store};

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_store_goes_on_with_the_password_that_it_is_given_when_the_old_one_is_refused() {
    let database = Arc::new(TestDatabase::new());
    let role = TestRole::with_password(&database, "rotated", "old");
    let name = format!("\"{}\"", role.name());
    database.run_sql(&format!("GRANT CREATE, USAGE ON SCHEMA public TO {name}")).unwrap();
    let credentials = PostgresCredentials::new(&role.url()).unwrap();
    let store = PostgresOptions::with_credentials(&credentials).connections(1).open().await.unwrap();
    assert!(store.counts().await.unwrap().is_idle());

    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{}'", role.name());
    database.run_sql(&format!("ALTER ROLE {name} PASSWORD 'new'")).unwrap();
    database.run_sql(&end).unwrap();
    while !store.counts().await.is_err_and(|error| error.is_access_denied()) {}
    credentials.refused().await;
    assert!(credentials.replace("no url").is_err());
    assert!(store.counts().await.unwrap_err().is_access_denied());
    credentials.replace(&role.url_with("new")).unwrap();
    assert!(store.counts().await.unwrap().is_idle());
}
