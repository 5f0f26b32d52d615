//! A pooler between the store and the server.

/// By this name the tests are left out where there is none.
mod pgbouncer {
    use std::sync::Arc;
    use std::time::Duration;

    use signalpost_postgres_server::{Pgbouncer, PoolMode, TestDatabase};
    use signalpost_store::conformance::{Fixture, Sql};
    use signalpost_store::{
        ClaimRequest, Finish, ManualClock, NewTask, Outcome, PostgresOptions, PostgresStore, RescueCause,
        RescueRequest, Store,
    };
    use sqlx::postgres::PgConnectOptions;
    use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};

    use crate::waiting::{HARDLY_EVER, Waiting};

    const LEASE: Duration = Duration::from_secs(30);

    fn options(url: &str) -> PostgresOptions {
        PostgresOptions::new(url).unwrap()
    }

    fn task(receiver: &str) -> NewTask {
        NewTask::new("tests.signal", receiver, "{}")
    }

    /// Through the pooler, as careful clients are.
    async fn client(pooler: &Pgbouncer) -> PgConnection {
        let options: PgConnectOptions = pooler.url().parse().unwrap();
        options.extra_float_digits(None).connect().await.unwrap()
    }

    /// The whole contract, without a session that lasts.
    struct Pooled {
        pooler: Pgbouncer,
        database: TestDatabase,
        clock: Arc<ManualClock>,
    }

    impl Fixture for Pooled {
        async fn new() -> Self {
            let database = TestDatabase::new();
            let pooler = Pgbouncer::start(database.url(), PoolMode::Transaction).unwrap();
            Self { pooler, database, clock: Arc::new(ManualClock::new(1_700_000_000_000)) }
        }

        async fn open(&self) -> Arc<dyn Store> {
            Arc::new(options(self.pooler.url()).clock(self.clock.clone()).open().await.unwrap())
        }

        async fn advance(&self, by: Duration) {
            self.clock.advance(by);
        }

        async fn tamper(&self, sql: Sql) {
            let mut anybody = PgConnection::connect(self.database.url()).await.unwrap();
            sqlx::raw_sql(sql.postgres).execute(&mut anybody).await.unwrap();
        }

        async fn transact(&self, statements: &[&str], json: &str, commit: bool) -> Vec<u64> {
            let mut client = client(&self.pooler).await;
            let mut transaction = client.begin().await.unwrap();
            let mut moved = Vec::new();
            for sql in statements {
                let statement = sqlx::query(AssertSqlSafe((*sql).to_owned())).bind(json).persistent(false);
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
        use super::Pooled;

        signalpost_store::store_tests!(
            #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
            Pooled
        );
    }

    /// What of a session outlasts a transaction, in every session that the pooler has. pgbouncer itself sets what clients
    /// say when they connect.
    async fn left_behind(pooler: &Pgbouncer) -> Vec<String> {
        const LEFT: &str = "SELECT 'setting ' || name || ' = ' || setting FROM pg_settings WHERE source = 'session' \
             AND name NOT IN ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings') \
             UNION ALL SELECT 'prepared ' || statement FROM pg_prepared_statements \
             UNION ALL SELECT 'channel ' || channel FROM pg_listening_channels() AS channel \
             UNION ALL SELECT 'lock' FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
        let (mut clients, mut sessions, mut found) = (Vec::new(), std::collections::BTreeSet::new(), Vec::new());
        // While a transaction is open its session is not given to another.
        for _ in 0..3 {
            let mut client = client(pooler).await;
            sqlx::raw_sql("BEGIN").execute(&mut client).await.unwrap();
            let session = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(&mut client).await.unwrap();
            sessions.insert(session.get::<i32, _>(0));
            let rows = sqlx::raw_sql(LEFT).fetch_all(&mut client).await.unwrap();
            found.extend(rows.iter().map(|row| row.get::<String, _>(0)));
            clients.push(client);
        }
        assert_eq!(sessions.len(), 3, "every session that there is");
        found
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    async fn nothing_is_left_behind_in_a_session_that_others_will_have() {
        let database = TestDatabase::new();
        let pooler = Pgbouncer::start(database.url(), PoolMode::Transaction).unwrap();
        // All sessions are there before, so that none escapes by being new.
        assert!(left_behind(&pooler).await.is_empty());
        let begins = [options(pooler.url()), options(pooler.url()).behind_pooler(true)];
        for (round, options) in begins.into_iter().enumerate() {
            let store = Arc::new(options.connections(8).open().await.unwrap());
            let worker = store.register(LEASE).await.unwrap();
            assert!(!worker.death_is_visible, "no session lasts that could hold a lock");
            let inserts: Vec<_> = (0..32)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { store.insert(vec![task("a")]).await.unwrap() })
                })
                .collect();
            for insert in inserts {
                insert.await.unwrap();
            }
            let claim = store.claim(&worker.id, &ClaimRequest::new(["default"], 100)).await.unwrap();
            assert_eq!(claim.tasks.len(), 32, "round {round}");
            let finish = |task| Finish::new(task, Outcome::Succeeded { result: None });
            let finished = store.finish_if_leased(&worker.id, claim.tasks.iter().map(finish).collect()).await.unwrap();
            assert!(finished.iter().all(|accepted| *accepted));
            store.change_after(store.change_count()).await;
            store.retire(&worker.id).await.unwrap();
            assert_eq!(left_behind(&pooler).await, [""; 0], "round {round}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    async fn a_worker_behind_it_finds_tasks_by_asking() {
        let database = TestDatabase::new();
        let pooler = Pgbouncer::start(database.url(), PoolMode::Transaction).unwrap();
        let store = Arc::new(options(pooler.url()).poll_interval(Duration::from_millis(50)).open().await.unwrap());
        let waiting = Waiting::begin(&store).await;
        let direct = PostgresStore::connect(database.url()).await.unwrap();
        direct.insert(vec![task("a")]).await.unwrap();
        assert_eq!(waiting.found().await.receiver, "a");
        assert_eq!(database.run_sql("SELECT count(idle) FROM signalpost_worker").unwrap(), "0");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    async fn a_send_through_it_tells_a_worker_that_is_not_behind_it() {
        let database = TestDatabase::new();
        let pooler = Pgbouncer::start(database.url(), PoolMode::Transaction).unwrap();
        let direct = Arc::new(options(database.url()).poll_interval(HARDLY_EVER).open().await.unwrap());
        let waiting = Waiting::until_told(&direct, &database, "signalpost_worker").await;
        PostgresStore::connect(pooler.url()).await.unwrap().insert(vec![task("a")]).await.unwrap();
        assert_eq!(waiting.found().await.receiver, "a");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    async fn a_statement_that_takes_too_long_behind_it_is_stopped_on_the_server() {
        let database = TestDatabase::new();
        let pooler = Pgbouncer::start(database.url(), PoolMode::Transaction).unwrap();
        let timeout = Duration::from_millis(500);
        let store = options(pooler.url()).call_timeout(timeout).open().await.unwrap();
        let mut holds = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql("BEGIN; LOCK TABLE signalpost_task").execute(&mut holds).await.unwrap();
        let error = store.insert(vec![task("a")]).await.unwrap_err();
        assert!(error.is_locked() || error.is_unreachable(), "{error}");
        // Nobody waits for the lock any more, although the pooler keeps its sessions.
        const WAITS: &str = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
             WHERE NOT granted AND datname = current_database()";
        while database.run_sql(WAITS).unwrap() != "0" {}
        sqlx::raw_sql("COMMIT").execute(&mut holds).await.unwrap();
        store.insert(vec![task("a")]).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    async fn with_a_session_for_each_client_locks_and_notifications_work_as_without_it() {
        let database = TestDatabase::new();
        let pooler = Pgbouncer::start(database.url(), PoolMode::Session).unwrap();
        let store = Arc::new(options(pooler.url()).poll_interval(HARDLY_EVER).open().await.unwrap());
        let direct = PostgresStore::connect(database.url()).await.unwrap();
        let waiting = Waiting::until_told(&store, &database, "signalpost_worker").await;
        direct.insert(vec![task("a")]).await.unwrap();
        assert_eq!(waiting.found().await.receiver, "a");
        database.run_sql("DELETE FROM signalpost_worker; DELETE FROM signalpost_task").unwrap();

        let registered = store.register(LEASE).await.unwrap();
        assert!(registered.death_is_visible);
        let rescuer = direct.register(LEASE).await.unwrap().id;
        let request = RescueRequest { rescuer, expired_leases: false, max_deaths_alone: 3 };
        assert!(direct.rescue(&request).await.unwrap().is_empty());
        drop(store);
        // Its thread ends a moment later.
        let rescued = loop {
            let rescued = direct.rescue(&request).await.unwrap();
            if !rescued.is_empty() {
                break rescued;
            }
        };
        assert_eq!(rescued.len(), 1);
        assert_eq!((&rescued[0].worker, rescued[0].cause), (&registered.id, RescueCause::Died));
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test runs it"]
    async fn a_setting_that_it_does_not_take_is_an_error_that_says_what_to_do() {
        let database = TestDatabase::new();
        let pooler = Pgbouncer::start(database.url(), PoolMode::Transaction).unwrap();
        let error = options(&format!("{}?options=-csearch_path=app", pooler.url())).open().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("unsupported startup parameter") && text.contains("ignore_startup_parameters"), "{text}");
        let error = options(&pooler.url().replace(database.name(), "no_such_database")).open().await.unwrap_err();
        assert!(error.to_string().contains("no_such_database"), "{error}");
    }
}
