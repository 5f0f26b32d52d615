//! Tasks that have met two deaths run alone.

use crate::Bench;
use signalpost_store::EndState;
use signalpost_worker::{ReceiverPolicy, Run, Success};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[tokio::test(flavor = "multi_thread")]
async fn suspects_run_alone_and_the_others_go_on() {
    let mut bench = Bench::new();
    let (running, wrong) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for name in ["innocent", "suspect"] {
        let (running, wrong) = (running.clone(), wrong.clone());
        bench.receiver(name, ReceiverPolicy::default(), move |task| {
            let (running, wrong) = (running.clone(), wrong.clone());
            Run::asynchronous(async move {
                // Innocents count for one; a suspect for so many that any company shows.
                let weight = if task.is_suspect() { 1_000 } else { 1 };
                let before = running.fetch_add(weight, SeqCst);
                if (task.is_suspect() && before > 0) || before >= 1_000 {
                    wrong.fetch_add(1, SeqCst);
                }
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                running.fetch_sub(weight, SeqCst);
                Ok(Success::default())
            })
        });
    }
    for number in 0..300 {
        bench.send(if number % 30 == 0 { "suspect" } else { "innocent" }).await;
    }
    bench.tamper("UPDATE signalpost_task SET deaths = 2, attempt = 2 WHERE receiver = 'suspect'");
    let working = bench.start();
    for _ in 0..10 {
        let mut seen = working.seen.lock().await;
        while !seen.recv().await.unwrap().starts_with("succeeded suspect") {}
    }
    while !bench.store.counts().await.unwrap().is_idle() {
        tokio::task::yield_now().await;
    }
    working.stop().await;
    assert_eq!(wrong.load(SeqCst), 0);
    assert_eq!(bench.store.counts().await.unwrap().ended(EndState::Succeeded), 300);
}
