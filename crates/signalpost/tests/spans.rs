//! A middleware that opens a span: what receivers log is inside it, on whatever thread they run.

use signalpost::{
    BackgroundOptions, Event, Failure, Next, RunningTask, Sender, Signal, SqliteStore, Store, Success, TASK_FINISHED,
    TaskFinished, Worker, with_store,
};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::unbounded_channel;
use tracing::Instrument;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn in_a_span(task: RunningTask, next: Next) -> Result<Success, Failure> {
    let span = tracing::info_span!("task", receiver = task.receiver, attempt = task.attempt);
    next.run().instrument(span).await
}

fn log_blocking(event: &Event<u32>) {
    tracing::info!("blocking {}", event.payload);
}

async fn log_async(event: &Event<'_, u32>) {
    tracing::info!("async {}", event.payload);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_receivers_log_is_inside_the_span_of_a_middleware() {
    let lines = Lines::default();
    let kept = lines.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || kept.clone()).init();
    let signal = Signal::<u32>::new("tests.spans");
    signal.connect_background_blocking(BackgroundOptions::new().name("tests.spans.blocking"), log_blocking).unwrap();
    signal.connect_background(BackgroundOptions::new().name("tests.spans.async"), log_async).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.path().join("app.db")).unwrap());
    let (tell, mut told) = unbounded_channel();
    TASK_FINISHED.connect(move |_: &Event<TaskFinished>| {
        let _ = tell.send(());
    });
    with_store(store.clone(), signal.asend(Sender::NONE, &7)).await.unwrap();
    let both_have_ended = async {
        told.recv().await.unwrap();
        told.recv().await.unwrap();
    };
    Worker::new(store).wrap(in_a_span).run_until(both_have_ended).await.unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for kind in ["blocking", "async"] {
        let line = text.lines().find(|line| line.ends_with(&format!(" {kind} 7"))).unwrap();
        assert!(line.contains(&format!(r#"task{{receiver="tests.spans.{kind}" attempt=1}}"#)), "{line}");
    }
}
