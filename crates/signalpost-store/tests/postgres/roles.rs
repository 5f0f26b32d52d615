//! A role that owns the tables, and one that works on them with what is granted to it and nothing else.

use std::sync::Arc;
use std::time::Duration;

use signalpost_postgres_server::{TestDatabase, TestRole};
use signalpost_store::conformance::{Fixture, Sql};
use signalpost_store::{ManualClock, NewTask, PostgresOptions, PostgresStore, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::names::quoted;
use crate::waiting::{HARDLY_EVER, Waiting};

/// Has to be quoted in every way that there is.
const SCHEMA: &str = r#"Käse & "Brot's" %1$s signalpost_"#;

/// The whole contract, kept by a role that may do only that.
struct Runner {
    role: TestRole,
    _owner: TestRole,
    database: Arc<TestDatabase>,
    clock: Arc<ManualClock>,
}

impl Runner {
    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.role.url()).await.unwrap()
    }
}

impl Fixture for Runner {
    async fn new() -> Self {
        let database = Arc::new(TestDatabase::new());
        let (owner, role) = (TestRole::new(&database, "owner"), TestRole::new(&database, "signalpost_runner"));
        let may_create = format!("GRANT CREATE ON DATABASE \"{}\" TO \"{}\"", database.name(), owner.name());
        database.run_sql(&may_create).unwrap();
        let mut by_owner = PgConnection::connect(&owner.url()).await.unwrap();
        for sql in [PostgresStore::schema_sql(Some(SCHEMA)), PostgresStore::grants_sql(Some(SCHEMA), role.name())] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut by_owner).await.unwrap();
        }
        Self { role, _owner: owner, database, clock: Arc::new(ManualClock::new(1_700_000_000_000)) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        let options = PostgresOptions::new(&self.role.url()).unwrap().schema(SCHEMA).create_tables(false);
        Arc::new(options.clock(self.clock.clone()).open().await.unwrap())
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn tamper(&self, sql: Sql) {
        let mut anybody = PgConnection::connect(self.database.url()).await.unwrap();
        let sql = format!("SET search_path TO {}; {}", quoted(SCHEMA), sql.postgres);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut anybody).await.unwrap();
    }

    async fn transact(&self, statements: &[&str], json: &str, commit: bool) -> Vec<u64> {
        let mut client = self.connect().await;
        let mut transaction = client.begin().await.unwrap();
        let mut moved = Vec::new();
        for sql in statements {
            let statement = sqlx::query(AssertSqlSafe((*sql).to_owned())).bind(json);
            moved.push(statement.execute(&mut *transaction).await.unwrap().rows_affected());
        }
        if commit {
            transaction.commit().await.unwrap()
        } else {
            transaction.rollback().await.unwrap()
        }
        moved
    }
}

mod conformance {
    use super::Runner;

    signalpost_store::store_tests!(
        #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
        Runner
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn the_role_that_runs_is_notified_of_new_tasks() {
    let fixture = Runner::new().await;
    let open = || async {
        let options = PostgresOptions::new(&fixture.role.url()).unwrap().schema(SCHEMA);
        Arc::new(options.poll_interval(HARDLY_EVER).open().await.unwrap())
    };
    let (idle, sends) = (open().await, open().await);
    let workers = format!("{}.signalpost_worker", quoted(SCHEMA));
    let waiting = Waiting::until_told(&idle, &fixture.database, &workers).await;
    sends.insert(vec![NewTask::new("tests.signal", "a", "{}")]).await.unwrap();
    assert_eq!(waiting.found().await.receiver, "a");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn the_role_that_runs_can_neither_create_nor_change_nor_drop() {
    let fixture = Runner::new().await;
    let mut client = fixture.connect().await;
    let schema = quoted(SCHEMA);
    for (sql, complaint) in [
        ("CREATE TABLE @.signalpost_other (id bigint)", "permission denied for schema"),
        ("CREATE TABLE public.signalpost_other (id bigint)", "permission denied for schema"),
        ("CREATE SCHEMA other", "permission denied for database"),
        ("DROP SCHEMA @ CASCADE", "must be owner"),
        ("DROP TABLE @.signalpost_task", "must be owner"),
        ("ALTER TABLE @.signalpost_task ADD COLUMN other text", "must be owner"),
        ("CREATE INDEX ON @.signalpost_task (key)", "must be owner"),
        ("DROP INDEX @.signalpost_task_waiting", "must be owner"),
        ("TRUNCATE @.signalpost_history", "permission denied"),
        ("UPDATE @.signalpost_history SET state = 'succeeded'", "permission denied"),
        ("UPDATE @.signalpost_schema SET version = 2", "permission denied"),
        ("DELETE FROM @.signalpost_receiver", "permission denied"),
    ] {
        let statement = AssertSqlSafe(sql.replace('@', &schema));
        let said = match sqlx::raw_sql(statement).execute(&mut client).await {
            Err(sqlx::Error::Database(error)) => error.message().to_owned(),
            other => panic!("{sql}: {other:?}"),
        };
        assert!(said.contains(complaint), "{sql}: {said}");
    }
}
