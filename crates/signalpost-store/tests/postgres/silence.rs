//! A server that takes connections and does not answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use signalpost_postgres_server::TestDatabase;
use signalpost_store::{
    ClaimRequest, EndState, Finish, NewTask, Outcome, PostgresOptions, PostgresStore, PruneRequest, PrunedQueues,
    PublishedReceiver, RescueRequest, Store, StoreError, TaskFilter, WorkerId,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const LEASE: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(1);
/// Two timeouts one after the other would be longer.
const AT_MOST: Duration = Duration::from_millis(1_900);

/// Stands before the database, and can fall silent.
struct Proxy {
    url: String,
    silence: watch::Sender<bool>,
}

impl Proxy {
    async fn before(database: &TestDatabase) -> Self {
        let (user, server) = database.url().rsplit_once('@').unwrap();
        let (server, name) = server.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{user}@{}/{name}", listener.local_addr().unwrap());
        let (silence, is_silent) = watch::channel(false);
        let server = server.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(pass(from_client, to_server, is_silent.clone()));
                tokio::spawn(pass(from_server, to_client, is_silent.clone()));
            }
        });
        Self { url, silence }
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut is_silent: watch::Receiver<bool>,
) -> Option<()> {
    let mut bytes = [0; 4096];
    loop {
        let count = from.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
        is_silent.wait_for(|is_silent| !is_silent).await.ok()?;
        to.write_all(&bytes[..count]).await.ok()?;
    }
}

type Call = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// Every call that speaks to the server.
async fn calls(store: &Arc<PostgresStore>) -> Vec<(&'static str, Call)> {
    let task = || NewTask::new("tests.signal", "a", "{}");
    let worker = store.register(LEASE).await.unwrap().id;
    // Each call borrows it for as long as it likes.
    let worker: &'static WorkerId = Box::leak(Box::new(worker));
    store.insert(vec![task(); 3]).await.unwrap();
    let claimed = store.claim(worker, &ClaimRequest::new(["default"], 3)).await.unwrap().tasks;
    let of = |place: usize, outcome| Finish::new(&claimed[place], outcome);
    let after = Duration::ZERO;
    let finishes = vec![
        of(0, Outcome::Succeeded { result: None }),
        of(1, Outcome::Dead { reason: "dead".to_owned() }),
        of(2, Outcome::Retry { after, reason: "again".to_owned() }),
    ];
    let id = claimed[0].id;
    let mut once = task();
    once.once = true;
    let receiver = PublishedReceiver { name: "a".to_owned(), signal: "b".to_owned(), queue: "c".to_owned() };
    let prune = |queues| PruneRequest { state: EndState::Succeeded, older_than: Duration::ZERO, limit: 10, queues };
    let (only, all_but) = (prune(PrunedQueues::Only("default".to_owned())), prune(PrunedQueues::AllBut(Vec::new())));
    let rescue = RescueRequest { rescuer: worker.clone(), expired_leases: true, max_deaths_alone: 3 };
    let mut calls: Vec<(&'static str, Call)> = Vec::new();
    macro_rules! call {
        ($($name:ident ($($argument:expr),*);)*) => {$({
            let store = store.clone();
            calls.push((stringify!($name), Box::pin(async move { store.$name($($argument),*).await.map(drop) })));
        })*};
    }
    call! {
        insert(vec![once]);
        register(LEASE);
        renew_if_leased(worker, LEASE);
        release_all_but(worker, &[]);
        claim(worker, &ClaimRequest::new(["default"], 1));
        finish_if_leased(worker, finishes);
        rescue(&rescue);
        cancel_if_waiting(id, "not wanted");
        retry_if_dead(id);
        prune(&only);
        prune(&all_but);
        counts();
        task(id);
        content(id);
        tasks(&TaskFilter::default());
        publish_receivers(&[receiver]);
        published_receivers(LEASE);
        retire(worker);
    }
    // More than share one statement, so that some have to wait for others.
    for _ in 0..40 {
        let (store, tasks) = (store.clone(), vec![task(); 100]);
        calls.push(("insert", Box::pin(async move { store.insert(tasks).await.map(drop) })));
    }
    calls
}

#[tokio::test]
async fn a_server_that_never_answers_is_an_error_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let _accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((client, _)) = listener.accept().await {
            held.push(client);
        }
    });
    for behind_pooler in [None, Some(false), Some(true)] {
        let options = PostgresOptions::new(&format!("postgres://app:sesame@{address}/shop")).unwrap();
        let options = behind_pooler.into_iter().fold(options, PostgresOptions::behind_pooler).call_timeout(TIMEOUT);
        let begun = Instant::now();
        let error = options.open().await.unwrap_err();
        assert!(begun.elapsed() < AT_MOST, "{:?}", begun.elapsed());
        assert!(error.is_unreachable() && error.to_string().contains("did not answer within 1s"), "{error}");
        assert!(error.to_string().contains("\n  hint: "), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn every_call_ends_within_its_timeout_when_the_server_falls_silent() {
    let database = TestDatabase::new();
    for behind_pooler in [false, true] {
        let proxy = Proxy::before(&database).await;
        let options = PostgresOptions::new(&proxy.url).unwrap().call_timeout(TIMEOUT).behind_pooler(behind_pooler);
        let store = Arc::new(options.open().await.unwrap());
        let calls = calls(&store).await;
        proxy.silence.send_replace(true);
        // All at once: what waits for a connection or for its turn does not wait for longer.
        let ended: Vec<_> = calls
            .into_iter()
            .map(|(name, call)| {
                tokio::spawn(async move {
                    let begun = Instant::now();
                    let error = call.await.expect_err(name);
                    (name, begun.elapsed(), error)
                })
            })
            .collect();
        for call in ended {
            let (name, after, error) = call.await.unwrap();
            assert!(after < AT_MOST, "{name} ended after {after:?}");
            assert!(error.is_unreachable() && error.is_transient(), "{name}: {error}");
        }
        // And when it speaks again everything goes on.
        proxy.silence.send_replace(false);
        store.insert(vec![NewTask::new("tests.signal", "a", "{}")]).await.unwrap();
        let worker = store.register(LEASE).await.unwrap();
        assert_eq!(store.claim(&worker.id, &ClaimRequest::new(["default"], 1)).await.unwrap().tasks.len(), 1);
    }
}
