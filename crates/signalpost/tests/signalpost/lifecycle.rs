//! Signals about tasks.

use crate::{AT_ONCE, Bench, Log, named};
use signalpost::{
    Event, Outcome, Response, Sender, Signal, TASK_ENQUEUED, TASK_FINISHED, TASK_STARTED, TaskEnqueued, TaskFinished,
    TaskStarted, running_task,
};

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_told_of_once_when_they_are_written_begin_and_end() {
    const NAME: &str = "tests.lifecycle.told";
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new(NAME), Log::default());
    let flaky = |_: &Event<u32>| if running_task().unwrap().failures() == 0 { Err("once") } else { Ok(()) };
    signal.connect_background_blocking(named("tests.lifecycle.flaky").backoff(AT_ONCE), flaky).unwrap();
    let (enqueued, started, finished) = (log.clone(), log.clone(), log.clone());
    let _enqueued = TASK_ENQUEUED
        .connect(move |event: &Event<TaskEnqueued>| {
            let told = event.payload;
            if told.signal == NAME {
                enqueued.add(format!("enqueued {} {} {}", told.receiver, told.queue, told.send_id));
            }
        })
        .scoped();
    let _started = TASK_STARTED
        .connect(move |event: &Event<TaskStarted>| {
            let told = event.payload;
            if told.signal == NAME {
                started.add(format!("started {} {} {}", told.receiver, told.task, told.attempt));
            }
        })
        .scoped();
    let _finished = TASK_FINISHED
        .connect(move |event: &Event<TaskFinished>| {
            let told = event.payload;
            if told.signal == NAME {
                let ended = matches!(told.outcome, Outcome::Succeeded { .. });
                finished.add(format!("finished {} {} {} {ended}", told.receiver, told.task, told.attempt));
            }
        })
        .scoped();
    let responses = bench.within(signal.asend(Sender::NONE, &1)).await.unwrap();
    let Response::Queued(send_id) = responses[0].1 else { panic!("{responses:?}") };
    assert_eq!(log.take(), [format!("enqueued tests.lifecycle.flaky default {send_id}")]);
    bench.drain().await;
    let id = bench.task_of("tests.lifecycle.flaky").await.id;
    // A retry that is due at once may begin before the end of the run before it is told.
    let mut told = log.take();
    told.sort();
    let expected = ["finished {} 1 false", "finished {} 2 true", "started {} 1", "started {} 2"];
    assert_eq!(told, expected.map(|line| line.replace("{}", &format!("tests.lifecycle.flaky {id}"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_listener_changes_nothing() {
    const NAME: &str = "tests.lifecycle.robust";
    let (bench, signal, log) = (Bench::new(), Signal::<u32>::new(NAME), Log::default());
    signal.connect_background_blocking(named("tests.lifecycle.calm"), log.writer("ran")).unwrap();
    let refuse = |event: &Event<TaskEnqueued>| if event.payload.signal == NAME { Err("no") } else { Ok(()) };
    let _enqueued = TASK_ENQUEUED.connect(refuse).scoped();
    let _started = TASK_STARTED.connect(|event: &Event<TaskStarted>| assert_ne!(event.payload.signal, NAME)).scoped();
    assert_eq!(bench.within(signal.asend(Sender::NONE, &1)).await.unwrap().len(), 1);
    bench.drain().await;
    assert_eq!(log.take(), ["ran"]);
}

#[test]
fn signals_about_tasks_have_no_background_receivers() {
    let signal = Signal::<u32>::new("signalpost.task_finished");
    let refused = signal.connect_background_blocking(named("tests.lifecycle.loop"), |_: &Event<u32>| ()).unwrap_err();
    let text = refused.to_string();
    assert!(text.starts_with("receiver `tests.lifecycle.loop` at "), "{text}");
    assert!(text.contains("cannot listen to `signalpost.task_finished` in the background"), "{text}");
    assert!(text.ends_with("hint: connect it inline, and let it do little"), "{text}");
    // Inline ones it may have.
    signal.connect(|_: &Event<u32>| ());
    assert_eq!(signal.receivers().len(), 1);
}
