//! The engine as a whole: the settings, the stores, the children, a worker for each store, and the signals.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use signalpost_store::{PostgresCredentials, Store};
use signalpost_worker::{Health, Queue, Stopper, Worker, WorkerError, WorkerOptions};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tracing_subscriber::layer::SubscriberExt;

use crate::EngineOptions;
use crate::event::{Event, one_line};
use crate::executor::ChildExecutor;
use crate::journal::Journal;
use crate::pool::{Message, Pool, PoolHandle, PoolOptions, PoolState};
use crate::probe::{self, Probed};
use crate::process::Launch;
use crate::registrations;
use crate::settings::{Opened, Refusal, Settings};
use crate::signals::{Heard, Signals};
use crate::voice::say_last;

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
        Ok(()) => {
            say_last(None);
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            // A child's words may be in it.
            say_last(Some(&one_line(&format!("signalpost: {refusal}"))));
            ExitCode::from(if matches!(refusal, Refusal::Settings(_)) { 2 } else { 1 })
        }
    }
}

/// How far a stop has got.
#[derive(Debug, Default)]
struct Stop {
    /// By a signal. Another one does not wait.
    is_asked: bool,
    /// When the grace is over. `None`: nothing stops.
    until: Option<Instant>,
    is_forced: bool,
}

impl Stop {
    /// What the pool is told in the end.
    fn of_pool(&self, grace: Duration) -> Message {
        match self.is_forced {
            true => Message::StopNow,
            false => Message::Stop { kill_at: self.until.unwrap_or_else(|| Instant::now() + grace) },
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
    let mut stop = Stop::default();
    let worked = work_on(&options, stores, &healths, &handle, &mut signals, &mut stop).await;
    handle.send(stop.of_pool(options.grace()));
    end_pool(pool, &handle, &mut signals).await;
    worked
}

/// Asks for other credentials whenever those of a store are refused; less and less often, where that changes nothing.
async fn renew_credentials(credentials: PostgresCredentials, store: usize, handle: PoolHandle) {
    const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
    const REST: Duration = Duration::from_secs(1);
    const LONGEST_REST: Duration = Duration::from_secs(60);
    let (mut rest, mut newest) = (REST, None);
    loop {
        credentials.refused().await;
        let (reply, answer) = oneshot::channel();
        handle.send(Message::AskCredentials { store, reply });
        let given = match timeout(ANSWERS_WITHIN, answer).await {
            Ok(Ok(Ok(settings))) => match settings.url() {
                Ok(Some(url)) if newest.as_ref() == Some(&url) => Err("they are refused, too".to_owned()),
                Ok(Some(url)) => {
                    credentials.replace(&url).map(|()| url).map_err(|error| error.in_one_line().to_string())
                }
                Ok(None) => Err("they are for another kind of database".to_owned()),
                Err(problem) => Err(problem),
            },
            Ok(Ok(Err(problem))) => Err(problem),
            // No child is ready, or it says nothing; the next refusal asks again.
            Ok(Err(_)) | Err(_) => {
                sleep(REST).await;
                continue;
            }
        };
        match given {
            Ok(url) => (newest, rest) = (Some(url), REST),
            Err(problem) => {
                let message =
                    format!("the server has refused the engine, and there are no other credentials: {problem}");
                handle.send(Message::Tell(Event::new("error", handle.of_store(store, &message))));
                rest = (2 * rest).min(LONGEST_REST);
            }
        }
        sleep(rest).await;
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
    stop: &mut Stop,
) -> Result<(), Refusal> {
    let Some(queues) = first_hello(handle, signals).await? else { return Ok(()) };
    let queues = served(options, queues)?;
    let mut following = JoinSet::new();
    let excluded = if options.queues.is_empty() { Some(options.excluded_queues.clone()) } else { None };
    following.spawn(registrations::follow(handle.clone(), stores.clone(), queues.clone(), excluded));
    loop {
        let before = handle.shared.next_run.load(SeqCst);
        serve(options, &stores, healths, &queues, handle, signals, stop).await?;
        // The last task of one store may have sent to another one, which nobody has looked at since.
        let has_run = handle.shared.next_run.load(SeqCst) != before;
        if !options.once || stores.len() == 1 || !has_run || stop.until.is_some() {
            return Ok(());
        }
    }
}

/// Has a worker for each store, until all of them have ended.
async fn serve(
    options: &EngineOptions,
    stores: &[Arc<dyn Store>],
    healths: &[Health],
    queues: &[String],
    handle: &PoolHandle,
    signals: &mut Signals,
    stop: &mut Stop,
) -> Result<(), Refusal> {
    let mut workers = JoinSet::new();
    let mut stoppers = Vec::new();
    for (number, (store, health)) in stores.iter().zip(healths).enumerate() {
        let executor = ChildExecutor { pool: handle.clone(), store: number };
        let concurrency = options.processes() * usize::from(options.threads + options.async_concurrency).max(64);
        let queues = queues.iter().map(|name| Queue::new(name.as_str())).collect();
        let worker_options = WorkerOptions { queues, concurrency, grace: options.grace(), ..WorkerOptions::default() };
        let worker = Worker::new(store.clone(), Arc::new(executor), worker_options)
            .map_err(|error| Refusal::Settings(error.to_string()))?
            .with_health(health.clone());
        handle.shared.set_worker(number, worker.look_again());
        stoppers.push(worker.stopper());
        let once = options.once;
        workers.spawn(async move {
            let ended = if once { worker.run_until_drained().await } else { worker.run().await };
            ended.map_err(|error| (number, error))
        });
    }
    let all = stores.to_vec();
    let idle = options.exit_when_idle.then(|| tokio::spawn(async move { signalpost_worker::idle(&all).await }));
    attend(options, &mut workers, &stoppers, idle, handle, signals, stop).await
}

/// The queues that the first child knows. `None`: the engine was stopped before.
async fn first_hello(handle: &PoolHandle, signals: &mut Signals) -> Result<Option<Vec<String>>, Refusal> {
    let mut state = handle.state.clone();
    loop {
        match &*state.borrow_and_update() {
            PoolState::Starting => {}
            PoolState::Ready { queues, .. } => return Ok(Some(queues.clone())),
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
    options: &EngineOptions,
    workers: &mut JoinSet<Result<(), (usize, WorkerError)>>,
    stoppers: &[Stopper],
    mut idle: Option<JoinHandle<()>>,
    handle: &PoolHandle,
    signals: &mut Signals,
    stop: &mut Stop,
) -> Result<(), Refusal> {
    let mut state = handle.state.clone();
    let mut refusal = None;
    loop {
        let is_idle = async {
            match &mut idle {
                Some(idle) if stop.until.is_none() => drop(idle.await),
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
                None => return refusal.map_or(Ok(()), Err),
            },
            why = failed, if !stop.is_forced => Happened::Failed(why),
            () = is_idle => Happened::Idle,
            heard = signals.next() => Happened::Heard(heard),
        };
        match happened {
            Happened::Ended(Ok(Ok(()))) => continue,
            Happened::Ended(Ok(Err((store, error)))) => {
                let why = handle.of_store(store, &one_line_of(&error));
                handle.send(Message::Tell(Event::new("error", &*why)));
                refusal.get_or_insert(Refusal::Work(why));
            }
            Happened::Ended(Err(error)) => {
                refusal.get_or_insert(Refusal::Work(format!("the worker has broken: {error}")));
            }
            Happened::Failed(why) => {
                refusal.get_or_insert(why);
                stop.is_forced = true;
            }
            Happened::Heard(Heard::Replace) => {
                handle.send(Message::ReplaceAll);
                continue;
            }
            Happened::Heard(Heard::Stop) => stop.is_forced |= std::mem::replace(&mut stop.is_asked, true),
            Happened::Heard(Heard::StopNow) => stop.is_forced = true,
            Happened::Idle => {}
        }
        // Where one store's worker has ended with an error, the others may end what they run.
        if stop.until.is_none() {
            stop.until = Some(Instant::now() + options.grace());
            handle.send(Message::WrapUp);
        }
        stoppers.iter().for_each(if stop.is_forced { Stopper::stop_now } else { Stopper::stop });
    }
}

fn one_line_of(error: &WorkerError) -> String {
    match error {
        WorkerError::Store(error) => error.in_one_line().to_string(),
        other => other.to_string(),
    }
}

enum Happened {
    Ended(Result<Result<(), (usize, WorkerError)>, JoinError>),
    Failed(Refusal),
    Idle,
    Heard(Heard),
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
