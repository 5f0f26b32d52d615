//! Databases that the newsroom cannot be made on: one message each, that says what to do and no password.

use std::sync::Arc;

use signalpost::PostgresStore;
use signalpost_postgres_server::{TestDatabase, TestRole};

use crate::Home;

/// What is said with this database.
fn refusal(database: &str) -> String {
    let home = Home::on_sqlite();
    let output = home.newsroom().args(["--exit-when-idle", "--database", database]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "{said}");
    assert_eq!((said.matches("error: ").count(), said.matches("\n  hint: ").count()), (1, 1), "{said}");
    assert!(!said.contains("sesame"), "{said}");
    said
}

fn refuses(database: &str, why: &str, hint: &str) {
    let said = refusal(database);
    assert!(said.contains(why) && said.contains(hint), "{said}");
}

#[test]
fn what_is_no_url_of_a_database_is_refused() {
    refuses("mysql://root:sesame@localhost/news", "not the URL of a PostgreSQL database", "it looks like postgres://");
    refuses("postgres://app:sesame@127.0.0.1:1/news", "cannot be reached", "check host and port");
    refuses("/no/such/directory/news.db", "/no/such/directory/news.db", "directory");
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
fn a_database_that_it_may_not_use_is_refused() {
    let database = Arc::new(TestDatabase::new());
    let role = TestRole::new(&database, "newsroom");
    refuses(&role.url_with("sesame, but wrong"), "", "check user and password");
    let elsewhere = database.url().replace(database.name(), "no_such_database");
    refuses(&elsewhere, "no_such_database", "create the database first");
    refuses(&role.url(), "the tables are missing", "as a role that may create tables");
    let nowhere = format!("{}?options=-csearch_path%3Dnowhere", database.url());
    refuses(&nowhere, "no schema has been selected", "create the schema");

    database.run_sql(&PostgresStore::schema_sql(None)).unwrap();
    database.run_sql(&PostgresStore::grants_sql(None, role.name())).unwrap();
    refuses(&role.url(), "the newsroom's own tables cannot be made", "tables/postgres.sql");
    let read_only = format!("{}?options=-cdefault_transaction_read_only%3Don", database.url());
    refuses(&read_only, "is read-only", "connect to the primary");
    database.run_sql("UPDATE signalpost_schema SET version = 99, works_with = 99").unwrap();
    refuses(database.url(), "99", "");
}
