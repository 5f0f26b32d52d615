//! Tasks of the dead that a transaction has locked: an atomic receiver's, which has completed its task and not committed yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use signalpost_postgres_server::TestDatabase;
use signalpost_store::{
    ClaimRequest, EndState, ManualClock, NewTask, PostgresOptions, PostgresStore, RescueCause, RescueRequest, Rescued,
    State, Store, Task, TaskId, WorkerId,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const LEASE: Duration = Duration::from_secs(30);
/// Much less than the 8 s that a call may take.
const AT_ONCE: Duration = Duration::from_secs(4);

/// A worker whose lease has expired, with tasks in hand of which one is locked.
struct Site {
    database: TestDatabase,
    clock: Arc<ManualClock>,
    fallen: WorkerId,
    tasks: Vec<Task>,
    receiver: PgConnection,
}

impl Site {
    async fn new() -> Self {
        let (database, clock) = (TestDatabase::new(), Arc::new(ManualClock::new(1_700_000_000_000)));
        let store = open(&database, &clock).await;
        let fallen = store.register(LEASE).await.unwrap().id;
        store.insert(vec![NewTask::new("tests.signal", "a", "{}"); 3]).await.unwrap();
        let tasks = store.claim(&fallen, &ClaimRequest::new(["default"], 3)).await.unwrap().tasks;
        let completion = store.completion();
        let parameter = completion.parameter(&fallen, &tasks[0]);
        let mut receiver = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql("BEGIN").execute(&mut receiver).await.unwrap();
        for sql in [completion.insert, completion.delete] {
            let done = sqlx::query(AssertSqlSafe(sql)).bind(&parameter).execute(&mut receiver).await.unwrap();
            assert_eq!(done.rows_affected(), 1);
        }
        clock.advance(LEASE);
        Self { database, clock, fallen, tasks, receiver }
    }

    async fn open(&self) -> PostgresStore {
        open(&self.database, &self.clock).await
    }

    async fn receiver_ends(&mut self, how: &'static str) {
        sqlx::raw_sql(how).execute(&mut self.receiver).await.unwrap();
    }

    fn locked(&self) -> TaskId {
        self.tasks[0].id
    }
}

async fn open(database: &TestDatabase, clock: &Arc<ManualClock>) -> PostgresStore {
    PostgresOptions::new(database.url()).unwrap().clock(clock.clone()).open().await.unwrap()
}

async fn rescue(store: &PostgresStore, rescuer: &WorkerId) -> Vec<Rescued> {
    let request = RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 3 };
    let begun = Instant::now();
    let rescued = store.rescue(&request).await.unwrap();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    rescued
}

/// Takes up what is not locked.
async fn rescue_the_others(site: &Site, store: &PostgresStore) -> WorkerId {
    let rescuer = store.register(LEASE).await.unwrap().id;
    let rescued = rescue(store, &rescuer).await;
    assert_eq!(rescued.len(), 1);
    assert_eq!((&rescued[0].worker, rescued[0].cause), (&site.fallen, RescueCause::LeaseExpired));
    let mut waiting = rescued[0].waiting.clone();
    waiting.sort();
    assert_eq!(waiting, [site.tasks[1].id, site.tasks[2].id]);
    // Its lease is over all the same, and what is locked is nobody else's yet.
    assert!(store.claim(&site.fallen, &ClaimRequest::new(["default"], 3)).await.unwrap_err().is_lease_lost());
    assert!(rescue(store, &rescuer).await.is_empty());
    assert_eq!(store.claim(&rescuer, &ClaimRequest::new(["default"], 3)).await.unwrap().tasks.len(), 2);
    rescuer
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_task_that_an_open_transaction_has_locked_does_not_hold_up_a_rescue() {
    let mut site = Site::new().await;
    let store = site.open().await;
    let rescuer = rescue_the_others(&site, &store).await;
    site.receiver_ends("ROLLBACK").await;
    let rescued = rescue(&store, &rescuer).await;
    assert_eq!(rescued.len(), 1);
    assert_eq!((&rescued[0].worker, rescued[0].cause), (&site.fallen, RescueCause::LeftBehind));
    assert_eq!(rescued[0].waiting, [site.locked()]);
    assert_eq!(store.task(site.locked()).await.unwrap().unwrap().deaths, 1);
    assert!(rescue(&store, &rescuer).await.is_empty());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn what_the_transaction_completes_after_the_rescue_is_completed() {
    let mut site = Site::new().await;
    let store = site.open().await;
    let rescuer = rescue_the_others(&site, &store).await;
    site.receiver_ends("COMMIT").await;
    assert!(rescue(&store, &rescuer).await.is_empty());
    let record = store.task(site.locked()).await.unwrap().unwrap();
    assert_eq!((record.state, record.deaths), (State::Ended(EndState::Succeeded), 0));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn what_a_rescuer_has_left_that_has_died_since_is_found_by_another() {
    let mut site = Site::new().await;
    let store = site.open().await;
    rescue_the_others(&site, &store).await;
    drop(store);
    site.receiver_ends("ROLLBACK").await;
    let other = site.open().await;
    let rescuer = other.register(LEASE).await.unwrap().id;
    let rescued = rescue(&other, &rescuer).await;
    assert!(rescued.iter().any(|one| one.worker == site.fallen && one.waiting == [site.locked()]), "{rescued:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn a_rescue_that_has_to_wait_for_a_lock_does_not_hold_up_renewals_for_long() {
    let mut site = Site::new().await;
    site.receiver_ends("ROLLBACK").await;
    let store = Arc::new(site.open().await);
    let rescuer = store.register(LEASE).await.unwrap().id;
    let mut migration = PgConnection::connect(site.database.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE signalpost_task").execute(&mut migration).await.unwrap();
    let request = RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 3 };
    let rescues = store.clone();
    let rescued = tokio::spawn(async move { rescues.rescue(&request).await });
    const WAITS: &str = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
         WHERE NOT granted AND datname = current_database()";
    while site.database.run_sql(WAITS).unwrap() == "0" {}
    let begun = Instant::now();
    store.renew_if_leased(&rescuer, LEASE).await.unwrap();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    let error = rescued.await.unwrap().unwrap_err();
    assert!(error.is_locked(), "{error}");
    sqlx::raw_sql("ROLLBACK").execute(&mut migration).await.unwrap();
    assert_eq!(rescue(&store, &rescuer).await.len(), 1);
}
