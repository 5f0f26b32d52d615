//! Limits of queues and receivers, several workers, and what a probe is told.

use crate::Bench;
use crate::leasing::LosesAnswers;
use signalpost_store::{EndState, NewTask, State, TaskFilter, TaskId};
use signalpost_worker::{Queue, Rate, ReceiverPolicy, Run, Success, WorkerOptions, WorkerState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify, Semaphore};

/// Counts how many runs of a receiver go on at once.
#[derive(Clone, Default)]
struct Crowd {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Crowd {
    fn receiver(&self) -> impl Fn(Arc<signalpost_store::Task>) -> Run + Send + Sync + 'static {
        let crowd = self.clone();
        move |_| {
            let crowd = crowd.clone();
            Run::asynchronous(async move {
                crowd.most.fetch_max(crowd.now.fetch_add(1, SeqCst) + 1, SeqCst);
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                crowd.now.fetch_sub(1, SeqCst);
                Ok(Success::default())
            })
        }
    }
}

impl Bench {
    async fn send_to(&self, queue: &str, receiver: &str, count: usize) -> Vec<TaskId> {
        let mut task = NewTask::new("tests.signal", receiver, "{}");
        task.queue = queue.to_owned();
        self.store.insert(vec![task; count]).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_and_a_receiver_keep_to_their_own_concurrency() {
    let mut bench = Bench::new();
    bench.options.queues = vec![Queue::new("narrow").concurrency(2), Queue::new("default")];
    let (of_queue, of_receiver, free) = (Crowd::default(), Crowd::default(), Crowd::default());
    bench.receiver("in_narrow_queue", ReceiverPolicy::default(), of_queue.receiver());
    let policy = ReceiverPolicy { concurrency: Some(3), ..ReceiverPolicy::default() };
    bench.receiver("narrow_receiver", policy, of_receiver.receiver());
    bench.receiver("free", ReceiverPolicy::default(), free.receiver());
    bench.send_to("narrow", "in_narrow_queue", 60).await;
    bench.send_to("default", "narrow_receiver", 60).await;
    bench.send_to("default", "free", 60).await;
    let working = bench.start();
    while !bench.store.counts().await.unwrap().is_idle() {
        tokio::task::yield_now().await;
    }
    working.stop().await;
    assert_eq!(bench.store.counts().await.unwrap().ended(EndState::Succeeded), 180);
    assert_eq!(of_queue.most.load(SeqCst), 2);
    assert_eq!(of_receiver.most.load(SeqCst), 3);
    assert!(free.most.load(SeqCst) > 3, "{}", free.most.load(SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_at_its_limit_does_not_hide_the_tasks_behind_it() {
    let mut bench = Bench::new();
    bench.options.concurrency = 4;
    let release = Arc::new(Semaphore::new(0));
    let released = release.clone();
    let policy = ReceiverPolicy { concurrency: Some(1), ..ReceiverPolicy::default() };
    bench.receiver("stuck", policy, move |_| {
        let released = released.clone();
        Run::asynchronous(async move {
            released.acquire().await.unwrap().forget();
            Ok(Success::default())
        })
    });
    bench.plain("plain");
    bench.send_to("default", "stuck", 300).await;
    let behind = bench.send("plain").await;
    let working = bench.start();
    working.wait_for(&format!("succeeded plain {behind}")).await;
    // What runs, and one to be ready when that ends.
    let mut held = TaskFilter { state: Some(State::Running), limit: 300, ..TaskFilter::default() };
    held.receiver = Some("stuck".to_owned());
    let held = bench.store.tasks(&held).await.unwrap().len();
    assert!(held <= 2, "{held} tasks are held of a receiver of which one runs at a time");
    release.add_permits(300);
    while !bench.store.counts().await.unwrap().is_idle() {
        tokio::task::yield_now().await;
    }
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_runs_begin_within_a_time_than_the_rate_says() {
    let mut bench = Bench::new();
    let within = Duration::from_millis(150);
    let began = Arc::new(Mutex::new(Vec::new()));
    let note = |began: &Arc<Mutex<Vec<Instant>>>| {
        let began = began.clone();
        move |_| {
            let began = began.clone();
            Run::asynchronous(async move {
                began.lock().await.push(Instant::now());
                Ok(Success::default())
            })
        }
    };
    let policy = ReceiverPolicy { rate: Some(Rate::new(4, within)), ..ReceiverPolicy::default() };
    bench.receiver("slowed", policy, note(&began));
    bench.send_to("default", "slowed", 12).await;
    let working = bench.start();
    while !bench.store.counts().await.unwrap().is_idle() {
        tokio::task::yield_now().await;
    }
    working.stop().await;
    let began = began.lock().await;
    assert_eq!(began.len(), 12);
    // The worker decides a moment before the first line runs: what is counted here may come a little closer together.
    let took = *began.last().unwrap() - began[0];
    assert!(took > within, "12 runs at 4 in {within:?} took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_rate_begins_when_that_allows_it() {
    let mut bench = Bench::new();
    let rate = Some(Rate::new(20, Duration::from_millis(40)));
    bench.receiver("slowed", ReceiverPolicy { rate, ..ReceiverPolicy::default() }, |_| {
        Run::asynchronous(async { Ok(Success::default()) })
    });
    let last = *bench.send_to("default", "slowed", 100).await.last().unwrap();
    let working = bench.start();
    let before = working.events_until(&format!("succeeded slowed {last}")).await;
    working.stop().await;
    // The worker's hands are full from the beginning, and nothing had to wait there for so long that it was given back.
    assert!(!before.iter().any(|event| event.starts_with("released")), "{before:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspect_whose_gate_is_shut_does_not_hold_up_the_others() {
    let mut bench = Bench::new();
    let rate = Some(Rate::new(1, Duration::from_secs(3600)));
    bench.receiver("hourly", ReceiverPolicy { rate, ..ReceiverPolicy::default() }, |_| {
        Run::asynchronous(async { Ok(Success::default()) })
    });
    bench.plain("plain");
    let first = bench.send("hourly").await;
    let working = bench.start();
    working.wait_for(&format!("succeeded hourly {first}")).await;
    let suspect = bench.send("hourly").await;
    bench.tamper("UPDATE signalpost_task SET deaths = 2");
    working.wait_for(&format!("released hourly {suspect}")).await;
    for _ in 0..5 {
        let plain = bench.send("plain").await;
        let before = working.events_until(&format!("succeeded plain {plain}")).await;
        assert!(!before.contains(&format!("released hourly {suspect}")), "{before:?}");
    }
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_queues_are_all_at_their_limit_rests() {
    let mut bench = Bench::new();
    bench.options.queues = vec![Queue::new("narrow").concurrency(1)];
    let release = Arc::new(Semaphore::new(0));
    let released = release.clone();
    bench.receiver("stuck", ReceiverPolicy::default(), move |_| {
        let released = released.clone();
        Run::asynchronous(async move {
            released.acquire().await.unwrap().forget();
            Ok(Success::default())
        })
    });
    let counted = Arc::new(LosesAnswers::of(bench.store.clone(), 0, 0));
    bench.send_to("narrow", "stuck", 10).await;
    let working = bench.start_on(counted.clone());
    while working.health.in_hand() < 2 {
        tokio::task::yield_now().await;
    }
    let before = counted.waits();
    for _ in 0..20 {
        bench.send_to("narrow", "stuck", 1).await;
    }
    let waits = counted.waits() - before;
    assert!(waits < 200, "the worker has looked {waits} times while 20 tasks were sent that it could not take");
    release.add_permits(30);
    while !bench.store.counts().await.unwrap().is_idle() {
        tokio::task::yield_now().await;
    }
    working.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_share_a_worker_by_their_weights() {
    let mut bench = Bench::new();
    bench.options.concurrency = 1;
    bench.options.queues = vec![Queue::new("light"), Queue::new("heavy").weight(3)];
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = order.clone();
    bench.receiver("notes", ReceiverPolicy::default(), move |task| {
        noted.lock().unwrap().push(task.queue.clone());
        Run::asynchronous(async { Ok(Success::default()) })
    });
    // The parts hold over claims, and the largest takes a thousand.
    bench.send_to("light", "notes", 4_000).await;
    bench.send_to("heavy", "notes", 4_000).await;
    let working = bench.start();
    while order.lock().unwrap().len() < 4_000 {
        tokio::task::yield_now().await;
    }
    working.stop().await;
    let heavy = order.lock().unwrap()[..4_000].iter().filter(|queue| *queue == "heavy").count();
    assert!(
        (2_700..=3_300).contains(&heavy),
        "{heavy} of the first 4,000 are of the queue with three quarters of the weight"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_without_a_history_of_successes_keeps_failures() {
    let mut bench = Bench::new();
    bench.options.queues = vec![Queue::new("default").without_successes()];
    bench.plain("plain");
    let policy = ReceiverPolicy { max_attempts: 1, ..ReceiverPolicy::default() };
    bench.receiver("fails", policy, |_| {
        Run::asynchronous(async { Err(signalpost_worker::Failure::new("no such mailbox")) })
    });
    let (succeeds, fails) = (bench.send("plain").await, bench.send("fails").await);
    let working = bench.start();
    working.wait_for(&format!("dead fails {fails}")).await;
    working.stop().await;
    assert_eq!(bench.store.task(succeeds).await.unwrap(), None);
    assert_eq!(bench.record(fails).await.state, State::Ended(EndState::Dead));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workers_in_one_process_serve_a_queue_each() {
    let mut bench = Bench::new();
    bench.plain("plain");
    bench.options.queues = vec!["mail".into()];
    let mail = bench.start();
    bench.plain("plain");
    bench.options.queues = vec!["default".into()];
    let default = bench.start();
    let in_mail = bench.send_to("mail", "plain", 1).await[0];
    let in_default = bench.send("plain").await;
    mail.wait_for(&format!("succeeded plain {in_mail}")).await;
    default.wait_for(&format!("succeeded plain {in_default}")).await;
    mail.stop().await;
    let next = bench.send("plain").await;
    default.wait_for(&format!("succeeded plain {next}")).await;
    default.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_told_how_the_worker_is() {
    let mut bench = Bench::new();
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, released) = (begun.clone(), release.clone());
    bench.receiver("slow", ReceiverPolicy::default(), move |_| {
        let (has_begun, released) = (has_begun.clone(), released.clone());
        Run::asynchronous(async move {
            has_begun.notify_one();
            released.notified().await;
            Ok(Success::default())
        })
    });
    bench.send("slow").await;
    let working = bench.start();
    let health = working.health.clone();
    begun.notified().await;
    while health.running() != 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!((health.state(), health.in_hand()), (WorkerState::Working, 1));
    assert!(health.is_live() && health.is_ready());
    working.stopper.stop();
    while health.state() != WorkerState::Stopping {
        tokio::task::yield_now().await;
    }
    assert!(health.is_live() && !health.is_ready());
    release.notify_one();
    working.stop().await;
    assert_eq!((health.state(), health.running()), (WorkerState::Stopped, 0));
    assert!(!health.is_live() && !health.is_ready());
}

#[test]
fn limits_that_would_serve_nothing_are_refused_by_name() {
    let refused = |queues: Vec<Queue>| {
        let bench = Bench::new();
        let options = WorkerOptions { queues, ..WorkerOptions::default() };
        bench.worker_with(options).unwrap_err().to_string()
    };
    for (queue, word) in [
        (Queue::new(""), "without a name"),
        (Queue::new("mail").weight(0), "weight 0"),
        (Queue::new("mail").concurrency(0), "concurrency 0"),
        (Queue::new("mail").rate(Rate::per_second(0)), "rate of 0"),
        (Queue::new("mail").rate(Rate::new(1, Duration::ZERO)), "within no time"),
    ] {
        let error = refused(vec![queue]);
        assert!(error.contains(word), "{error}");
    }
    assert!(refused(vec!["mail".into(), "mail".into()]).contains("`mail` is given twice"));
}
