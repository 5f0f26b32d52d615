//! Where the tables are, and who has made them.

use std::sync::Arc;
use std::time::Duration;

use signalpost_postgres_server::TestDatabase;
use signalpost_store::{
    ClaimRequest, NewTask, PostgresOptions, PostgresStore, PublishedReceiver, RescueRequest, Store, StoreError,
    TaskFilter,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::names::{encoded, quoted};
use crate::waiting::{HARDLY_EVER, Waiting};

const LEASE: Duration = Duration::from_secs(30);

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url).unwrap()
}

fn task(receiver: &str) -> NewTask {
    NewTask::new("tests.signal", receiver, "{}")
}

async fn receivers(store: &dyn Store) -> Vec<String> {
    let mut found = store.tasks(&TaskFilter::default()).await.unwrap();
    found.reverse();
    found.into_iter().map(|task| task.receiver).collect()
}

/// The tables by the schema that each is in.
fn tables(database: &TestDatabase) -> Vec<String> {
    let sql = "SELECT schemaname || '.' || count(*) FROM pg_tables WHERE tablename LIKE 'signalpost%' GROUP BY schemaname \
        ORDER BY schemaname";
    database.run_sql(sql).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_schema_may_have_any_name() {
    let database = TestDatabase::new();
    let longest = "x".repeat(63);
    for name in ["My Schema", "o'brien", "a\"b", "select", "Käse", "signalpost_tasks", "x.y", "%s $1 \\", &longest] {
        for creates in [true, false] {
            let store = options(database.url()).schema(name).create_tables(creates).open().await.unwrap();
            let mut once = task("once");
            once.once = true;
            store.insert(vec![once, task("a")]).await.unwrap();
            let worker = store.register(LEASE).await.unwrap().id;
            assert_eq!(
                store.claim(&worker, &ClaimRequest::new(["default"], 2)).await.unwrap().tasks.len(),
                2,
                "{name}"
            );
            store.retire(&worker).await.unwrap();
        }
        database.run_sql(&format!("DROP SCHEMA {} CASCADE", quoted(name))).unwrap();
    }
    for (name, complaint) in [("", "it is empty"), (&*"x".repeat(64), "it has 64 bytes; 63 are allowed"), ("\0", "NUL")]
    {
        let error: StoreError = options(database.url()).schema(name).open().await.unwrap_err();
        assert!(error.is_bad_path() && error.to_string().contains(complaint), "{error}");
        assert!(error.to_string().contains("\n  hint: "), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn without_a_name_the_search_path_leads_to_the_tables() {
    let database = TestDatabase::new();
    database.run_sql("CREATE SCHEMA app; CREATE SCHEMA \"Other App\"").unwrap();
    let by = |path: &str| options(&format!("{}?options={}", database.url(), encoded(&format!("-csearch_path={path}"))));
    let app = by("app,public").open().await.unwrap();
    app.insert(vec![task("of app")]).await.unwrap();
    assert_eq!(tables(&database), ["app.6"]);
    // A path that leads there by another way, and the name.
    for store in [by("nowhere,app").open().await.unwrap(), options(database.url()).schema("app").open().await.unwrap()]
    {
        assert_eq!(receivers(&store).await, ["of app"]);
    }
    let other = by("\"Other\\ App\"").open().await.unwrap();
    assert!(receivers(&other).await.is_empty());
    assert_eq!(tables(&database), ["Other App.6", "app.6"]);

    let role = format!("ALTER DATABASE {} SET search_path = app", quoted(database.name()));
    database.run_sql(&role).unwrap();
    assert_eq!(receivers(&options(database.url()).open().await.unwrap()).await, ["of app"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn stores_in_two_schemas_of_one_database_do_not_see_each_other() {
    let database = TestDatabase::new();
    let open = async |name: &str| {
        Arc::new(options(database.url()).schema(name).poll_interval(HARDLY_EVER).open().await.unwrap())
    };
    let (one, other) = (open("one").await, open("other").await);
    let receiver = PublishedReceiver { name: "a".to_owned(), signal: "b".to_owned(), queue: "c".to_owned() };
    one.publish_receivers(&[receiver]).await.unwrap();
    assert!(other.published_receivers(LEASE).await.unwrap().is_empty());

    // Each is told of its own tasks, although both listen on the same channel.
    let in_one = Waiting::until_told(&one, &database, "one.signalpost_worker").await;
    let in_other = Waiting::until_told(&other, &database, "other.signalpost_worker").await;
    let told = one.change_count();
    open("other").await.insert(vec![task("of the other")]).await.unwrap();
    assert_eq!(in_other.found().await.receiver, "of the other");
    open("one").await.insert(vec![task("of the one")]).await.unwrap();
    assert_eq!(in_one.found().await.receiver, "of the one");
    assert_eq!(one.change_count(), told + 1);
    assert_eq!(receivers(&*one).await, ["of the one"]);

    // A dead worker of one is not the other's to rescue.
    let rescuer = other.register(LEASE).await.unwrap().id;
    drop(one);
    let request = RescueRequest { rescuer, expired_leases: true, max_deaths_alone: 3 };
    assert!(other.rescue(&request).await.unwrap().is_empty());
    assert_eq!(database.run_sql("SELECT count(*) FROM one.signalpost_worker").unwrap(), "1");
}

/// As tools of migration do it: all at once in a transaction, or taken apart at the semicolons.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn tables_that_a_tool_of_migration_has_made_are_found_and_used() {
    for (schema, is_taken_apart) in
        [(None, false), (None, true), (Some("background"), false), (Some("background"), true)]
    {
        let database = TestDatabase::new();
        let mut tool = PgConnection::connect(database.url()).await.unwrap();
        let mut transaction = tool.begin().await.unwrap();
        let sql = PostgresStore::schema_sql(schema);
        let statements: Vec<&str> = if is_taken_apart { sql.split(';').collect() } else { vec![&sql] };
        for statement in statements {
            let statement = AssertSqlSafe(statement.to_owned());
            sqlx::raw_sql(statement).execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let before = tables(&database);
        assert_eq!(before, [format!("{}.6", schema.unwrap_or("public"))]);
        for creates in [false, true] {
            let opens = schema.into_iter().fold(options(database.url()), PostgresOptions::schema);
            let store = opens.create_tables(creates).open().await.unwrap();
            store.insert(vec![task("a")]).await.unwrap();
        }
        assert_eq!(tables(&database), before);
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn many_programs_may_create_the_tables_at_once() {
    let database = TestDatabase::new();
    let opened: Vec<_> = (0..8).map(|_| tokio::spawn(options(database.url()).schema("background").open())).collect();
    for store in opened {
        store.await.unwrap().unwrap();
    }
    assert_eq!(database.run_sql("SELECT count(*) FROM background.signalpost_schema").unwrap(), "1");
}
