//! A pool whose children are played by a test, and whose time the test moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use signalpost_store::{NewTask, Task};
use signalpost_worker::{Failure, Success};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::children::Child;
use super::{Message, Pool, PoolHandle, PoolOptions};
use crate::child::{Ending, Line};
use crate::frame::FrameReader;
use crate::message::{RunResult, Said};
use crate::page::Page;
use crate::process::Launch;

pub(super) struct Rehearsal {
    pub(super) pool: Pool,
    pub(super) handle: PoolHandle,
    pub(super) now: Instant,
    sent: BTreeMap<u32, UnboundedReceiver<Vec<u8>>>,
    runs: u64,
}

/// How a run ends.
pub(super) type Answer = oneshot::Receiver<Result<Success, Failure>>;

impl Rehearsal {
    /// With so many children, all of them ready.
    pub(super) fn new(processes: usize) -> Self {
        let launch = Launch { command: Vec::new(), leash: "/nowhere".into(), slots: 8 };
        let options = PoolOptions {
            launch,
            processes,
            threads: 4,
            async_concurrency: 4,
            max_tasks_per_child: None,
            max_memory_per_child: None,
            start_timeout: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(30),
            stores: vec!["default".to_owned(), "second".to_owned()],
        };
        let (pool, handle) = Pool::new(options);
        let mut rehearsal = Self { pool, handle, now: Instant::now(), sent: BTreeMap::new(), runs: 0 };
        for _ in 0..processes {
            let child = rehearsal.start();
            rehearsal.greet(child);
        }
        rehearsal
    }

    /// A child that has not said hello.
    pub(super) fn start(&mut self) -> u32 {
        let (line, sent) = Line::rehearsed();
        let number = self.pool.next_child;
        self.pool.next_child += 1;
        let child = Child::new(0, line, Page::new(8).unwrap(), &self.pool.options, self.now);
        self.pool.children.insert(number, child);
        self.sent.insert(number, sent);
        number
    }

    pub(super) fn greet(&mut self, child: u32) {
        self.says(child, b'h', r#"{"version": 1, "queues": ["default"], "receivers": [], "wants_finished": true}"#);
    }

    pub(super) fn says(&mut self, child: u32, kind: u8, body: &str) {
        let said = Said::read(kind, body.as_bytes()).unwrap();
        self.pool.take(Message::Said(child, said), self.now);
    }

    pub(super) fn ends(&mut self, child: u32, run: u64) {
        let result: RunResult = serde_json::from_str(&format!(r#"{{"run": {run}, "ok": {{}}}}"#)).unwrap();
        self.pool.take(Message::Said(child, Said::Results(vec![result])), self.now);
    }

    /// It is gone, and nobody has asked for it.
    pub(super) fn dies(&mut self, child: u32) {
        let ending = Ending { how: "killed by signal 11 (SIGSEGV)".to_owned(), is_clean: false };
        self.pool.take(Message::Gone(child, ending), self.now);
    }

    pub(super) fn run(&mut self, deaths: u32) -> (u64, Answer) {
        let mut task = Task::without_store(NewTask::new("tests.signal", "ok", "{}"));
        task.deaths = deaths;
        let (reply, answer) = oneshot::channel();
        self.runs += 1;
        let run = self.runs;
        self.pool.take(Message::Run { run, store: 0, task: Arc::new(task), reply }, self.now);
        (run, answer)
    }

    /// What the pool does after its messages, `after` the last time; but no process is started.
    pub(super) fn turn(&mut self, after: Duration) {
        self.now += after;
        let has_looked = self.pool.watch(self.now);
        self.pool.hand_out(self.now);
        if has_looked {
            self.pool.give_back_waiting(self.now);
        }
    }

    pub(super) fn child(&self, number: u32) -> &Child {
        &self.pool.children[&number]
    }

    /// The kinds of the frames that were sent to it since the last time.
    pub(super) fn sent(&mut self, child: u32) -> String {
        let mut reader = FrameReader::default();
        while let Some(Ok(frames)) = self.sent.get_mut(&child).map(UnboundedReceiver::try_recv) {
            reader.push(&frames);
        }
        let mut kinds = String::new();
        while let Some((kind, _)) = reader.next_frame().unwrap() {
            kinds.push(char::from(kind));
        }
        kinds
    }
}
