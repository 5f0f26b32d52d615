//! The engine as a whole: the settings, the stores, the children, a worker for each store, and the signals.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use signalpost_store::{PostgresCredentials, PublishedReceiver, Store};
use signalpost_worker::{Health, Queue, Stopper, Worker, WorkerError, WorkerOptions};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing_subscriber::layer::SubscriberExt;

use crate::EngineOptions;
use crate::event::{Event, say};
use crate::executor::ChildExecutor;
use crate::journal::Journal;
use crate::pool::{Message, Pool, PoolHandle, PoolOptions, PoolState};
use crate::probe::{self, Probed};
use crate::process::Launch;
use crate::settings::{Opened, Refusal, Settings};
use crate::signals::{Heard, Signals};

/// Resolved by each child for itself: what the engine was made of, though another may have been installed in its place.
const THIS_EXECUTABLE: &str = "/proc/self/exe";

/// Runs tasks until it is stopped. What it prints last says why it could not.
pub fn work(options: EngineOptions) -> ExitCode {
    let done = Settings::read(options.settings_fd).and_then(|settings| {
        // One thread, this one: it starts the children, which die with the thread that has started them. And all that is done here
        // is done in some microseconds each time.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Refusal::Work(format!("cannot start: {error}")))?;
        runtime.block_on(run(options, settings))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            say(&format!("signalpost: {refusal}"));
            ExitCode::from(if matches!(refusal, Refusal::Settings(_)) { 2 } else { 1 })
        }
    }
}

async fn run(options: EngineOptions, settings: Settings) -> Result<(), Refusal> {
    let failed = |error: io::Error| Refusal::Work(format!("cannot listen to signals: {error}"));
    let mut signals = Signals::install().map_err(failed)?;
    let aliases = settings.stores.iter().map(|store| store.alias.clone()).collect();
    let (pool, handle) = Pool::new(pool_options(&options, aliases));
    let subscriber = tracing_subscriber::registry().with(Journal(pool.messages()));
    // Only tests have set another one.
    let _ = tracing::subscriber::set_global_default(subscriber);
    let healths: Vec<Health> = settings.stores.iter().map(|_| Health::default()).collect();
    let mut answering = JoinSet::new();
    if let Some(address) = options.health {
        let wrong = |error: io::Error| Refusal::Work(format!("--health {address}: {error}"));
        let listener = probe::listen(address).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        handle.send(Message::Tell(Event::new("info", format!("probes are answered at http://{address}/"))));
        let aliases = settings.stores.iter().map(|store| store.alias.clone());
        let stores = aliases.zip(healths.iter().cloned()).collect();
        answering.spawn(probe::answer_all(listener, Probed { pool: handle.clone(), stores }));
    }
    let mut opened = Vec::new();
    for store in &settings.stores {
        tokio::select! {
            store = store.open() => opened.push(store?),
            _ = signals.stop() => return Ok(()),
        }
    }
    // What they hold is held by the stores.
    drop(settings);
    let pool = tokio::spawn(pool.work());
    let mut renewing = JoinSet::new();
    let stores = opened.into_iter().enumerate().map(|(number, Opened { store, credentials })| {
        if let Some(credentials) = credentials {
            renewing.spawn(renew_credentials(credentials, number, handle.clone()));
        }
        store
    });
    let stores = stores.collect();
    let worked = work_on(&options, stores, &healths, &handle, &mut signals).await;
    let end = if worked.is_err() { Message::StopNow } else { Message::Stop };
    handle.send(end);
    end_pool(pool, &handle, &mut signals).await;
    worked
}

/// Asks for other credentials whenever those of a store are refused.
async fn renew_credentials(credentials: PostgresCredentials, store: usize, handle: PoolHandle) {
    const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
    const REST: Duration = Duration::from_secs(1);
    loop {
        credentials.refused().await;
        let (reply, answer) = oneshot::channel();
        handle.send(Message::AskCredentials { store, reply });
        let problem = match timeout(ANSWERS_WITHIN, answer).await {
            Ok(Ok(Ok(settings))) => match settings.url() {
                Ok(Some(url)) => credentials.replace(&url).err().map(|error| error.in_one_line().to_string()),
                Ok(None) => Some("they are for another kind of database".to_owned()),
                Err(problem) => Some(problem),
            },
            Ok(Ok(Err(problem))) => Some(problem),
            // No child is ready, or it says nothing; the next refusal asks again.
            Ok(Err(_)) | Err(_) => None,
        };
        if let Some(problem) = problem {
            let message = format!("the server has refused the engine, and there are no other credentials: {problem}");
            handle.send(Message::Tell(Event::new("error", message).field("store", store)));
        }
        sleep(REST).await;
    }
}

fn pool_options(options: &EngineOptions, stores: Vec<String>) -> PoolOptions {
    let (threads, async_concurrency) = (usize::from(options.threads), usize::from(options.async_concurrency));
    let launch = Launch {
        command: options.command.clone(),
        leash: OsString::from(THIS_EXECUTABLE),
        slots: threads + async_concurrency,
    };
    PoolOptions {
        launch,
        processes: options.processes(),
        threads,
        async_concurrency,
        max_tasks_per_child: options.max_tasks_per_child,
        max_memory_per_child: options.max_memory_per_child.map(|mib| mib << 20),
        start_timeout: Duration::from_secs(options.start_timeout.into()),
        answer_timeout: Duration::from_secs(options.answer_timeout.into()),
        stores,
    }
}

async fn end_pool(mut pool: JoinHandle<()>, handle: &PoolHandle, signals: &mut Signals) {
    loop {
        tokio::select! {
            _ = &mut pool => return,
            () = signals.stop() => handle.send(Message::StopNow),
        }
    }
}

/// From the first child's hello until every worker has ended.
async fn work_on(
    options: &EngineOptions,
    stores: Vec<Arc<dyn Store>>,
    healths: &[Health],
    handle: &PoolHandle,
    signals: &mut Signals,
) -> Result<(), Refusal> {
    let Some((queues, receivers)) = first_hello(handle, signals).await? else { return Ok(()) };
    let queues = served(options, queues)?;
    let mut workers = JoinSet::new();
    let mut stoppers = Vec::new();
    for (number, (store, health)) in stores.iter().zip(healths).enumerate() {
        let executor = ChildExecutor { pool: handle.clone(), store: number, receivers: receivers.clone() };
        let concurrency = options.processes() * usize::from(options.threads + options.async_concurrency).max(64);
        let queues = queues.iter().map(|name| Queue::new(name.as_str())).collect();
        let worker_options = WorkerOptions { queues, concurrency, grace: options.grace(), ..WorkerOptions::default() };
        let worker = Worker::new(store.clone(), Arc::new(executor), worker_options)
            .map_err(|error| Refusal::Settings(error.to_string()))?
            .with_health(health.clone());
        handle.shared.add_worker(worker.look_again());
        stoppers.push(worker.stopper());
        let once = options.once;
        workers.spawn(async move { if once { worker.run_until_drained().await } else { worker.run().await } });
    }
    let idle = options.exit_when_idle.then(|| tokio::spawn(all_idle(stores)));
    let ended = attend(&mut workers, &stoppers, idle, handle, signals).await;
    // Those that are left after a failure are dropped: their tasks are taken up at once.
    workers.shutdown().await;
    ended
}

/// What the first child knows. `None`: the engine was stopped before.
async fn first_hello(
    handle: &PoolHandle,
    signals: &mut Signals,
) -> Result<Option<(Vec<String>, Vec<PublishedReceiver>)>, Refusal> {
    let mut state = handle.state.clone();
    loop {
        match &*state.borrow_and_update() {
            PoolState::Starting => {}
            PoolState::Ready { queues, receivers } => return Ok(Some((queues.clone(), receivers.clone()))),
            PoolState::Failed(why) => return Err(no_child(why)),
        }
        tokio::select! {
            changed = state.changed() => changed.map_err(|_| no_child("the pool has ended"))?,
            () = signals.stop() => return Ok(None),
        }
    }
}

fn no_child(why: &str) -> Refusal {
    Refusal::Work(format!("no child can be started: {why}"))
}

/// The queues to serve.
fn served(options: &EngineOptions, known: Vec<String>) -> Result<Vec<String>, Refusal> {
    let wanted = if options.queues.is_empty() { known } else { options.queues.clone() };
    let mut served: Vec<String> = Vec::new();
    for queue in wanted {
        if !options.excluded_queues.contains(&queue) && !served.contains(&queue) {
            served.push(queue);
        }
    }
    if served.is_empty() {
        return Err(Refusal::Settings("no queue is left to serve: check --queue and --exclude-queue".to_owned()));
    }
    Ok(served)
}

/// Passes on what comes from outside until all workers have ended.
async fn attend(
    workers: &mut JoinSet<Result<(), WorkerError>>,
    stoppers: &[Stopper],
    mut idle: Option<JoinHandle<()>>,
    handle: &PoolHandle,
    signals: &mut Signals,
) -> Result<(), Refusal> {
    let mut state = handle.state.clone();
    let mut is_stopping = false;
    loop {
        let is_idle = async {
            match &mut idle {
                Some(idle) if !is_stopping => drop(idle.await),
                _ => std::future::pending().await,
            }
        };
        let failed = async {
            match state.wait_for(|state| matches!(state, PoolState::Failed(_))).await.as_deref() {
                Ok(PoolState::Failed(why)) => no_child(why),
                _ => no_child("the pool has ended"),
            }
        };
        let happened = tokio::select! {
            ended = workers.join_next() => match ended {
                Some(ended) => Happened::Ended(ended),
                None => return Ok(()),
            },
            refusal = failed => Happened::Failed(refusal),
            () = is_idle => Happened::Idle,
            heard = signals.next() => Happened::Heard(heard),
        };
        match happened {
            Happened::Ended(Ok(Ok(()))) => {}
            Happened::Ended(Ok(Err(error))) => return Err(Refusal::Work(error.to_string())),
            Happened::Ended(Err(error)) => return Err(Refusal::Work(format!("the worker has broken: {error}"))),
            Happened::Failed(refusal) => {
                // What was claimed is given back first.
                handle.send(Message::WrapUp);
                stoppers.iter().for_each(Stopper::stop_now);
                while workers.join_next().await.is_some() {}
                return Err(refusal);
            }
            Happened::Heard(Heard::Replace) => handle.send(Message::ReplaceAll),
            Happened::Heard(Heard::Stop) if is_stopping => stoppers.iter().for_each(Stopper::stop_now),
            Happened::Heard(Heard::StopNow) => {
                is_stopping = true;
                stoppers.iter().for_each(Stopper::stop_now);
            }
            Happened::Heard(Heard::Stop) | Happened::Idle => {
                is_stopping = true;
                handle.send(Message::WrapUp);
                stoppers.iter().for_each(Stopper::stop);
            }
        }
    }
}

enum Happened {
    Ended(Result<Result<(), WorkerError>, JoinError>),
    Failed(Refusal),
    Idle,
    Heard(Heard),
}

/// Completes when no task is live in any of the stores.
async fn all_idle(stores: Vec<Arc<dyn Store>>) {
    const LOOK_AGAIN: Duration = Duration::from_secs(1);
    // Counting reads the whole queue.
    const REST: Duration = Duration::from_millis(10);
    loop {
        let mut are_idle = true;
        for store in &stores {
            let seen = store.change_count();
            // The worker says what is wrong with its store.
            if !store.counts().await.is_ok_and(|counts| counts.is_idle()) {
                are_idle = false;
                let _ = timeout(LOOK_AGAIN, store.change_after(seen)).await;
                sleep(REST).await;
            }
        }
        if are_idle {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineCommand;
    use clap::Parser;

    fn options(more: &[&str]) -> EngineOptions {
        let (before, after) = (["signalpost", "worker", "--settings-fd", "3"], ["--", "python"]);
        match EngineCommand::parse_from(before.iter().chain(more).chain(&after)) {
            EngineCommand::Worker(options) => options,
            EngineCommand::Leash(_) => panic!("not asked for"),
        }
    }

    #[test]
    fn the_queues_are_those_that_are_named_or_else_all_without_those_that_are_excluded() {
        let known = || vec!["default".to_owned(), "mail".to_owned()];
        assert_eq!(served(&options(&[]), known()).unwrap(), ["default", "mail"]);
        assert_eq!(served(&options(&["--exclude-queue", "default"]), known()).unwrap(), ["mail"]);
        assert_eq!(served(&options(&["--queue", "a", "--queue", "a"]), known()).unwrap(), ["a"]);
        assert!(served(&options(&["--queue", "a", "--exclude-queue", "a"]), known()).is_err());
    }
}
