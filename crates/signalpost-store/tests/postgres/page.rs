//! What the book's page says about PostgreSQL.

use signalpost_postgres_server::TestDatabase;
use signalpost_store::{NewTask, PostgresOptions, PostgresStore, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::time::Duration;

const PAGE: &str = include_str!("../../../../docs/postgresql.md");

fn statements() -> Vec<&'static str> {
    PAGE.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Nothing stays of it: roles belong to the whole server.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn every_statement_of_the_page_is_understood_by_the_server() {
    let database = TestDatabase::new();
    let mut client = PgConnection::connect(database.url()).await.unwrap();
    let mut transaction = client.begin().await.unwrap();
    let mut queries = 0;
    for (number, sql) in statements().into_iter().enumerate() {
        let named = AssertSqlSafe(sql.replace("DATABASE shop", &format!("DATABASE \"{}\"", database.name())));
        sqlx::raw_sql(named).execute(&mut *transaction).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
        if number == 0 {
            // What it goes on to speak of.
            let tables = PostgresStore::schema_sql(Some("background")) + "SET search_path TO background";
            sqlx::raw_sql(AssertSqlSafe(tables)).execute(&mut *transaction).await.unwrap();
        }
        queries += usize::from(sql.starts_with("SELECT"));
    }
    assert_eq!(queries, 5);
    transaction.rollback().await.unwrap();
}

#[test]
fn the_grants_of_the_page_are_those_that_are_given_out() {
    let given = PostgresStore::grants_sql(Some("background"), "shop_app").replace("\"shop_app\"", "shop_app");
    let given = given.replace("\"background\".", "").replace("\"background\"", "background");
    let grants =
        |sql: &str| sql.lines().filter(|line| line.starts_with("GRANT")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(grants(statements()[1]), grants(&given));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_workers_lock_is_seen_where_the_page_says() {
    let database = TestDatabase::new();
    let store = PostgresOptions::new(database.url()).unwrap().open().await.unwrap();
    store.insert(vec![NewTask::new("tests.signal", "a", "{}")]).await.unwrap();
    store.register(Duration::from_secs(30)).await.unwrap();
    let workers = statements().into_iter().find(|sql| sql.contains("pg_locks")).unwrap();
    let held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'signalpost' AND pid = ";
    let worker = database.run_sql(workers).unwrap();
    let columns: Vec<&str> = worker.split('|').collect();
    assert_eq!(database.run_sql(&format!("{held}{}", columns[5])).unwrap(), "1", "{worker}");
    let late = statements().into_iter().find(|sql| sql.contains("seconds_late")).unwrap();
    assert!(database.run_sql(late).unwrap().starts_with("default|1|"));
}
