//! Servers and databases that a store cannot be in: one message each, at once, that says what to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use signalpost_postgres_server::{TestDatabase, TestRole};
use signalpost_store::{NewTask, PostgresOptions, PostgresStore, Store, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::log::Log;
use crate::names::encoded;

/// Much less than the 8 s that a call may take.
const AT_ONCE: Duration = Duration::from_secs(4);

async fn refusal(options: PostgresOptions) -> StoreError {
    let begun = Instant::now();
    let error = options.open().await.unwrap_err();
    assert!(begun.elapsed() < AT_ONCE, "after {:?}: {error}", begun.elapsed());
    let text = error.to_string();
    assert!(text.starts_with("PostgreSQL at ") && text.contains(", database `"), "{text}");
    assert_eq!(text.matches("\n  hint: ").count(), 1, "{text}");
    error
}

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url).unwrap()
}

fn tables(database: &TestDatabase, schema: Option<&str>) {
    database.run_sql(&PostgresStore::schema_sql(schema)).unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_run_is_an_error_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for host in [format!("127.0.0.1:{port}"), "nowhere.invalid".to_owned(), "%2Fnowhere".to_owned()] {
        let error = refusal(options(&format!("postgres://app:sesame@{host}/shop"))).await;
        assert!(error.is_unreachable() && error.is_transient(), "{error}");
        assert!(error.to_string().contains("cannot be reached"), "{error}");
        assert!(error.to_string().contains("check host and port"), "{error}");
    }
}

#[tokio::test]
async fn a_server_of_another_kind_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 1024]).await;
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
        }
    });
    let error = refusal(options(&format!("postgres://app:sesame@{address}/shop"))).await;
    assert!(error.is_unreachable(), "{error}");
    assert!(error.to_string().contains("check that host and port are those of a PostgreSQL server"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_role_that_is_not_let_in_is_told_so() {
    let database = Arc::new(TestDatabase::new());
    let role = TestRole::new(&database, "app");
    PostgresStore::connect(database.url()).await.unwrap();
    let (_, server) = database.url().split_once('@').unwrap();
    let unknown = format!("postgres://nobody:sesame@{server}");
    for url in [role.url_with("wrong"), role.url_with(""), unknown] {
        let error = refusal(options(&url)).await;
        assert!(error.is_access_denied() && !error.is_transient(), "{error}");
        assert!(error.to_string().contains("hint: check user and password"), "{error}");
    }
    database.run_sql(&format!("ALTER ROLE \"{}\" NOLOGIN", role.name())).unwrap();
    let error = refusal(options(&role.url())).await;
    assert!(error.is_access_denied() && error.to_string().contains("not permitted to log in"), "{error}");

    database.run_sql(&format!("ALTER ROLE \"{}\" LOGIN CONNECTION LIMIT 0", role.name())).unwrap();
    let error = refusal(options(&role.url())).await;
    assert!(error.is_unreachable() && error.is_transient(), "{error}");
    assert!(error.to_string().contains("max_connections"), "{error}");

    database.run_sql(&format!("REVOKE CONNECT ON DATABASE \"{}\" FROM PUBLIC", database.name())).unwrap();
    database.run_sql(&format!("ALTER ROLE \"{}\" CONNECTION LIMIT -1", role.name())).unwrap();
    let error = refusal(options(&role.url())).await;
    assert!(error.is_access_denied() && error.to_string().contains("CONNECT on the database"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_role_without_rights_is_told_what_it_needs() {
    let database = Arc::new(TestDatabase::new());
    let role = TestRole::new(&database, "app");
    for schema in [None, Some("background")] {
        let opens = || schema.into_iter().fold(options(&role.url()), PostgresOptions::schema);
        let error = refusal(opens()).await;
        assert!(error.is_access_denied() && !error.is_transient(), "{error}");
        let text = error.to_string();
        assert!(text.contains("the tables are missing, and this role may not create them"), "{text}");
        assert!(text.contains("PostgresStore::schema_sql") && text.contains("PostgresStore::grants_sql"), "{text}");

        tables(&database, schema);
        let error = refusal(opens()).await;
        assert!(error.is_access_denied() && error.to_string().contains("permission denied"), "{error}");
        assert!(error.to_string().contains("PostgresStore::grants_sql"), "{error}");
    }
    // And when what it lacks is missed later.
    database.run_sql(&PostgresStore::grants_sql(None, role.name())).unwrap();
    database.run_sql(&format!("REVOKE INSERT ON signalpost_task FROM \"{}\"", role.name())).unwrap();
    let store = options(&role.url()).open().await.unwrap();
    let error = store.insert(vec![NewTask::new("tests.signal", "a", "{}")]).await.unwrap_err();
    assert!(error.is_access_denied() && error.to_string().contains("signalpost_task"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_role_that_may_create_tables_in_a_schema_need_not_create_schemas() {
    let database = Arc::new(TestDatabase::new());
    let role = TestRole::new(&database, "app");
    database.run_sql(&format!("CREATE SCHEMA \"o'brien\" AUTHORIZATION \"{}\"", role.name())).unwrap();
    options(&role.url()).schema("o'brien").open().await.unwrap();
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_database_that_is_missing_is_named() {
    let database = TestDatabase::new();
    let error = refusal(options(&database.url().replace(database.name(), "no_such_database"))).await;
    assert!(error.is_bad_path() && !error.is_transient(), "{error}");
    assert!(error.to_string().contains("create the database first, or correct the URL"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn missing_tables_are_not_created_where_that_was_forbidden() {
    let database = TestDatabase::new();
    let opens = || options(database.url()).create_tables(false);
    let error = refusal(opens()).await;
    assert!(error.is_without_tables() && !error.is_transient(), "{error}");
    assert!(
        error.to_string().contains("search_path leads\n  hint: run the SQL of PostgresStore::schema_sql"),
        "{error}"
    );
    let error = refusal(opens().schema("background")).await;
    assert!(error.is_without_tables() && error.to_string().contains("in the schema `background`"), "{error}");
    assert_eq!(database.run_sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'signalpost%'").unwrap(), "0");

    // And when they go later.
    let store = options(database.url()).open().await.unwrap();
    database.run_sql("DROP TABLE signalpost_task").unwrap();
    let error = store.counts().await.unwrap_err();
    assert!(error.is_without_tables() && error.to_string().contains("signalpost_task"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_newer_schema_is_refused_unless_it_works_with_this_program() {
    let database = TestDatabase::new();
    tables(&database, None);
    database.run_sql("UPDATE signalpost_schema SET version = 3, works_with = 2").unwrap();
    let error = refusal(options(database.url())).await;
    assert!(error.is_newer_schema() && !error.is_transient(), "{error}");
    assert!(error.to_string().contains("schema v3; this program knows v1"), "{error}");
    database.run_sql("UPDATE signalpost_schema SET version = 3, works_with = 1").unwrap();
    options(database.url()).open().await.unwrap();
    database.run_sql("DELETE FROM signalpost_schema").unwrap();
    let error = refusal(options(database.url())).await;
    assert!(error.is_without_tables() && error.to_string().contains("made in part only"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_server_that_is_read_only_is_refused_now_and_noticed_later() {
    let database = TestDatabase::new();
    let store = PostgresStore::connect(database.url()).await.unwrap();
    let read_only = |is| format!("ALTER DATABASE \"{}\" SET default_transaction_read_only = {is}", database.name());
    database.run_sql(&read_only("on")).unwrap();
    let error = refusal(options(database.url())).await;
    assert!(error.is_read_only() && !error.is_transient(), "{error}");
    assert!(error.to_string().contains("is read-only\n  hint: a store writes: connect to the primary"), "{error}");

    // A server that becomes a standby ends the sessions; those that follow may not write.
    database
        .run_sql(
            "SET default_transaction_read_only = off; SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .unwrap();
    let insert = async || store.insert(vec![NewTask::new("tests.signal", "a", "{}")]).await;
    let error = loop {
        match insert().await.unwrap_err() {
            lost if lost.is_unreachable() => {}
            error => break error,
        }
    };
    assert!(error.is_read_only(), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn encryption_that_the_server_does_not_have_is_an_error_that_says_so() {
    let database = TestDatabase::new();
    let error = refusal(options(&format!("{}?sslmode=require", database.url()))).await;
    assert!(error.is_unreachable() && error.to_string().contains("sslmode"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_password_is_never_printed() {
    const SECRET: &str = "pä/ss w#rd?&:@%41\"'\\";
    let log = Log::listen();
    let database = Arc::new(TestDatabase::new());
    let role = TestRole::with_password(&database, "app", SECRET);
    let mut shown = String::new();
    let mut show = |text: String| shown.push_str(&text);
    for url in [
        role.url_with(&format!("wrong {SECRET}")),
        role.url(),
        format!("{}?sslpassword={secret}&sslmode=require", role.url(), secret = encoded(SECRET)),
        role.url().replace('@', "@nowhere.invalid:1/"),
        format!("postgres://app:{SECRET}@127.0.0.1/shop"),
        format!("postgres://{}:1/{SECRET}@127.0.0.1/shop", encoded(SECRET)),
    ] {
        let refused = match PostgresOptions::new(&url) {
            Ok(options) => {
                show(format!("{options:?}"));
                options.open().await.unwrap_err()
            }
            Err(error) => error,
        };
        show(format!("{refused} {refused:?} {:?}", anyhow(&refused)));
    }
    database.run_sql(&PostgresStore::schema_sql(None)).unwrap();
    database.run_sql(&PostgresStore::grants_sql(None, role.name())).unwrap();
    // The password is right, and each of its letters is needed.
    let store =
        PostgresStore::connect(&format!("{}?passfile=x&unknown={}", role.url(), encoded(SECRET))).await.unwrap();
    store.insert(vec![NewTask::new("tests.signal", "a", "{}")]).await.unwrap();
    show(format!("{store:?}"));
    database.run_sql("DROP TABLE signalpost_task CASCADE").unwrap();
    show(store.counts().await.unwrap_err().to_string());
    drop(store);
    let logged = log.text();
    assert!(logged.contains("passfile, unknown") && logged.contains("passed over"), "{logged}");
    let anywhere = shown + &logged;
    for secret in [SECRET.to_owned(), encoded(SECRET), SECRET.escape_debug().to_string(), "ss w#rd".to_owned()] {
        assert!(!anywhere.contains(&secret), "{secret} in {anywhere}");
    }
    for part in [encoded("w#rd"), "w%23rd".to_owned(), "w#rd".to_owned()] {
        assert!(!anywhere.contains(&part), "{part} in {anywhere}");
    }
}

/// As callers hand it on.
fn anyhow(error: &StoreError) -> Box<dyn std::error::Error> {
    error.clone().into()
}
