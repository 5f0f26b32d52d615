//! Leases that are lost, and answers that are.

use crate::Bench;
use async_trait::async_trait;
use signalpost_store::{
    Claim, ClaimRequest, CompletionStatement, Counts, EndState, Finish, NewTask, OutboxStatement, PruneRequest,
    PublishedReceiver, Registered, Renewal, RescueRequest, Rescued, State, Store, StoreError, TaskContent, TaskFilter,
    TaskId, TaskRecord, WorkerId,
};
use signalpost_worker::{ReceiverPolicy, Run, Success};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_its_lease_drops_its_runs_and_goes_on_under_a_new_one() {
    let mut bench = Bench::new();
    bench.options.lease = Duration::from_millis(600);
    let begun = Arc::new(Notify::new());
    let has_begun = begun.clone();
    bench.receiver("hangs once", ReceiverPolicy::default(), move |task| {
        let has_begun = has_begun.clone();
        Run::asynchronous(async move {
            if task.attempt == 1 {
                has_begun.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(Success::default())
        })
    });
    let id = bench.send("hangs once").await;
    let working = bench.start();
    begun.notified().await;
    // By the store's clock a lease passes at once: to the others this worker looks frozen.
    let neighbour = bench.another_handle();
    bench.clock.advance(Duration::from_secs(10));
    loop {
        let rescuer = neighbour.register(Duration::from_secs(5)).await.unwrap().id;
        let request = RescueRequest { rescuer: rescuer.clone(), expired_leases: true, max_deaths_alone: 3 };
        let rescued = neighbour.rescue(&request).await.unwrap();
        neighbour.retire(&rescuer).await.unwrap();
        if !rescued.is_empty() {
            break;
        }
        bench.clock.advance(Duration::from_secs(10));
    }
    working.wait_for(&format!("succeeded hangs once {id}")).await;
    working.stop().await;
    let record = bench.record(id).await;
    assert_eq!((record.state, record.deaths), (State::Ended(EndState::Succeeded), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_claim_whose_answer_was_lost_are_not_stranded() {
    let mut bench = Bench::new();
    bench.plain("plain");
    let ids = [bench.send("plain").await, bench.send("plain").await];
    let lossy = LosesAnswers::of(bench.store.clone(), 2, 0);
    let working = bench.start_on(Arc::new(lossy));
    working.wait_for(&format!("succeeded plain {}", ids[1])).await;
    working.stop().await;
    for id in ids {
        let record = bench.record(id).await;
        assert_eq!((record.state, record.attempt), (State::Ended(EndState::Succeeded), 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_answer_was_lost_is_made_again_and_harmless() {
    let mut bench = Bench::new();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    bench.receiver("counts", ReceiverPolicy::default(), move |_| {
        counted.fetch_add(1, SeqCst);
        Run::asynchronous(async { Ok(Success::default()) })
    });
    let id = bench.send("counts").await;
    let lossy = LosesAnswers::of(bench.store.clone(), 0, 1);
    let working = bench.start_on(Arc::new(lossy));
    // The second time it is refused, and found to be recorded.
    working.wait_for(&format!("succeeded counts {id}")).await;
    working.stop().await;
    assert_eq!(runs.load(SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_claim_that_reaches_the_store_long_after_it_was_given_up_are_not_stranded() {
    let mut bench = Bench::new();
    bench.options.lease = Duration::from_millis(300);
    bench.plain("first");
    bench.plain("plain");
    let first = bench.send("first").await;
    let working = bench.start();
    working.wait_for(&format!("succeeded first {first}")).await;
    let mut later = NewTask::new("tests.signal", "plain", "{}");
    later.delay = Duration::from_secs(3600);
    let id = bench.store.insert(vec![later]).await.unwrap()[0];
    bench.tamper(
        "UPDATE signalpost_task SET worker = (SELECT id FROM signalpost_worker), fence = 1, attempt = 1, run_at = 0",
    );
    working.wait_for(&format!("succeeded plain {id}")).await;
    working.stop().await;
    assert_eq!(bench.record(id).await.attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tasks_of_a_worker_that_was_dropped_are_taken_up_without_waiting_for_its_lease() {
    let mut bench = Bench::new();
    let begun = Arc::new(Notify::new());
    let has_begun = begun.clone();
    bench.receiver("hangs", ReceiverPolicy::default(), move |_| {
        has_begun.notify_one();
        Run::asynchronous(std::future::pending())
    });
    let id = bench.send("hangs").await;
    let dropped = bench.start();
    begun.notified().await;
    dropped.running.abort();
    bench.plain("hangs");
    let working = bench.start();
    // The clock stands still: no lease expires.
    working.wait_for(&format!("succeeded hangs {id}")).await;
    working.stop().await;
    assert_eq!(bench.record(id).await.deaths, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_says_whether_its_store_answers() {
    let mut bench = Bench::new();
    bench.options.sweep = Duration::from_millis(1);
    let line = Arc::new(LosesAnswers::of(bench.store.clone(), 0, 0));
    line.sweeps.store(u32::MAX, SeqCst);
    let working = bench.start_on(line.clone());
    while working.health.store_answers() {
        tokio::task::yield_now().await;
    }
    line.sweeps.store(0, SeqCst);
    while !working.health.store_answers() {
        tokio::task::yield_now().await;
    }
    working.stop().await;
}

/// A store over a line that carries every question and loses some answers.
#[derive(Debug)]
pub(crate) struct LosesAnswers {
    store: Arc<dyn Store>,
    claims: AtomicU32,
    reports: AtomicU32,
    sweeps: AtomicU32,
    waits: AtomicU32,
}

impl LosesAnswers {
    /// A store that loses so many answers to claims and to reports.
    pub(crate) fn of(store: Arc<dyn Store>, claims: u32, reports: u32) -> Self {
        let none = || AtomicU32::new(0);
        Self { store, claims: claims.into(), reports: reports.into(), sweeps: none(), waits: none() }
    }

    /// How often it was waited for a change.
    pub(crate) fn waits(&self) -> u32 {
        self.waits.load(SeqCst)
    }
}

fn lose<T>(answers_to_lose: &AtomicU32, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    match answers_to_lose.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Err(StoreError::other("the connection was lost before the answer")),
        Err(_) => answer,
    }
}

#[async_trait]
impl Store for LosesAnswers {
    async fn claim(&self, worker: &WorkerId, request: &ClaimRequest) -> Result<Claim, StoreError> {
        lose(&self.claims, self.store.claim(worker, request).await)
    }

    async fn finish_if_leased(&self, worker: &WorkerId, finishes: Vec<Finish>) -> Result<Vec<bool>, StoreError> {
        lose(&self.reports, self.store.finish_if_leased(worker, finishes).await)
    }

    fn outbox(&self) -> OutboxStatement {
        self.store.outbox()
    }

    fn completion(&self) -> CompletionStatement {
        self.store.completion()
    }

    async fn insert(&self, tasks: Vec<NewTask>) -> Result<Vec<TaskId>, StoreError> {
        self.store.insert(tasks).await
    }

    async fn register(&self, lease: Duration) -> Result<Registered, StoreError> {
        self.store.register(lease).await
    }

    async fn renew_if_leased(&self, worker: &WorkerId, lease: Duration) -> Result<Renewal, StoreError> {
        self.store.renew_if_leased(worker, lease).await
    }

    async fn release_all_but(&self, worker: &WorkerId, held: &[(TaskId, i64)]) -> Result<usize, StoreError> {
        self.store.release_all_but(worker, held).await
    }

    async fn retire(&self, worker: &WorkerId) -> Result<(), StoreError> {
        self.store.retire(worker).await
    }

    async fn rescue(&self, request: &RescueRequest) -> Result<Vec<Rescued>, StoreError> {
        lose(&self.sweeps, self.store.rescue(request).await)
    }

    async fn cancel_if_waiting(&self, task: TaskId, reason: &str) -> Result<bool, StoreError> {
        self.store.cancel_if_waiting(task, reason).await
    }

    async fn retry_if_dead(&self, task: TaskId) -> Result<bool, StoreError> {
        self.store.retry_if_dead(task).await
    }

    async fn prune(&self, request: &PruneRequest) -> Result<usize, StoreError> {
        self.store.prune(request).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts().await
    }

    async fn task(&self, task: TaskId) -> Result<Option<TaskRecord>, StoreError> {
        self.store.task(task).await
    }

    async fn content(&self, task: TaskId) -> Result<Option<TaskContent>, StoreError> {
        self.store.content(task).await
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<TaskRecord>, StoreError> {
        self.store.tasks(filter).await
    }

    async fn publish_receivers(&self, receivers: &[PublishedReceiver]) -> Result<(), StoreError> {
        self.store.publish_receivers(receivers).await
    }

    async fn published_receivers(&self, within: Duration) -> Result<Vec<PublishedReceiver>, StoreError> {
        self.store.published_receivers(within).await
    }

    fn works_at_once(&self) -> usize {
        self.store.works_at_once()
    }

    fn change_count(&self) -> u64 {
        self.store.change_count()
    }

    async fn change_after(&self, seen: u64) {
        self.waits.fetch_add(1, SeqCst);
        self.store.change_after(seen).await;
    }
}
