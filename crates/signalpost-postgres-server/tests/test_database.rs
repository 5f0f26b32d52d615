//! Databases for tests, in the server that `cargo xtask test` has started.

use std::env;

use signalpost_postgres_server::{TEST_POSTGRES, TestDatabase};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn each_test_has_a_database_of_its_own_and_nothing_is_in_it() {
    let (one, other) = (TestDatabase::new(), TestDatabase::new());
    assert_ne!(one.name(), other.name());
    for database in [&one, &other] {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        connection.execute("CREATE TABLE article (id bigint)").await.unwrap();
        assert_eq!(database.run_sql("SELECT current_database()").unwrap(), database.name());
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn it_is_removed_although_somebody_is_connected() {
    let other = TestDatabase::new();
    let database = TestDatabase::new();
    let named = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.name());
    assert_eq!(other.run_sql(&named).unwrap(), "1");
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    drop(database);
    assert_eq!(other.run_sql(&named).unwrap(), "0");
    connection.execute("SELECT 1").await.unwrap_err();
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn a_server_that_refuses_says_why() {
    let admin = env::var(TEST_POSTGRES).unwrap();
    let (server, _) = admin.rsplit_once('/').unwrap();
    let error = TestDatabase::in_server(&format!("{server}/no_such_database")).unwrap_err();
    assert!(error.message().contains("no_such_database"), "{error}");
}
