//! The engine as a process, with children that are processes, over a store on SQLite.

mod charging;
mod credentials;
mod handing;
mod replacing;
mod starting;
mod stopping;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Pid, Signal, kill_process};
use signalpost_store::{NewTask, SqliteStore, Store, TaskId, TaskRecord};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place for an engine: a store for each alias, and the ends that children talk to.
struct Site {
    directory: TempDir,
    stores: Vec<Arc<dyn Store>>,
    /// What children have told. Their socket holds a few, and then they wait.
    told: Receiver<String>,
    gate: UnixListener,
}

/// An engine at work.
struct Engine {
    process: Child,
}

/// A run that waits for the test.
struct Waiting {
    receiver: String,
    task: i64,
    pid: i32,
    /// The child waits for its end, and it ends with the child.
    connection: BufReader<UnixStream>,
}

impl Site {
    fn new() -> Self {
        Self::with_stores(&["default"])
    }

    fn with_stores(aliases: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let told = listen(&directory.path().join("told"));
        let gate = UnixListener::bind(directory.path().join("gate")).unwrap();
        set_socket_timeout(&gate, Timeout::Recv, Some(PATIENCE)).unwrap();
        let open = |alias: &&str| Arc::new(SqliteStore::open(Self::file(directory.path(), alias)).unwrap()) as _;
        let stores = aliases.iter().map(open).collect();
        Self { directory, stores, told, gate }
    }

    fn file(directory: &Path, alias: &str) -> std::path::PathBuf {
        directory.join(format!("{alias}.db"))
    }

    async fn send(&self, receiver: &str, payload: &str) -> TaskId {
        self.send_many(receiver, payload, 1).await[0]
    }

    async fn send_many(&self, receiver: &str, payload: &str, count: usize) -> Vec<TaskId> {
        let tasks = (0..count).map(|_| NewTask::new("tests.signal", receiver, payload)).collect();
        self.stores[0].insert(tasks).await.unwrap()
    }

    async fn record(&self, task: TaskId) -> TaskRecord {
        self.stores[0].task(task).await.unwrap().unwrap()
    }

    /// Starts an engine whose children behave so.
    fn start(&self, behaviour: &str, options: &[&str]) -> Engine {
        self.start_saying(behaviour, options, Stdio::piped())
    }

    /// Starts one whose standard error is this.
    fn start_saying(&self, behaviour: &str, options: &[&str], errors: Stdio) -> Engine {
        let aliases = ["default", "second"].iter().take(self.stores.len());
        let stores: Vec<String> = aliases
            .map(|alias| {
                let path = Self::file(self.directory.path(), alias);
                format!(r#"{{"alias": "{alias}", "vendor": "sqlite", "path": "{}"}}"#, path.display())
            })
            .collect();
        let mut settings = tempfile::tempfile().unwrap();
        write!(settings, r#"{{"version": 1, "stores": [{}]}}"#, stores.join(",")).unwrap();
        settings.rewind().unwrap();
        self.start_by(&settings, behaviour, options, errors)
    }

    fn start_with(&self, settings: &File, behaviour: &str, options: &[&str]) -> Engine {
        self.start_by(settings, behaviour, options, Stdio::piped())
    }

    fn start_by(&self, settings: &File, behaviour: &str, options: &[&str], errors: Stdio) -> Engine {
        fcntl_setfd(settings, FdFlags::empty()).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engine/child.py");
        let process = Command::new(env!("CARGO_BIN_EXE_signalpost"))
            .args(["worker", "--settings-fd", &settings.as_raw_fd().to_string()])
            .args(options)
            .args(["--", "python3", "-I", script, "--behaviour", behaviour, "--place"])
            .arg(self.directory.path())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        Engine { process }
    }

    /// The next run that has come to the gate.
    fn next_waiting(&self) -> Waiting {
        let (connection, _) = self.gate.accept().unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut connection = BufReader::new(connection);
        let mut line = String::new();
        connection.read_line(&mut line).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let [receiver, task, pid] = words[..] else { panic!("{line}") };
        let (task, pid) = (task.parse().unwrap(), pid.parse().unwrap());
        Waiting { receiver: receiver.to_owned(), task, pid, connection }
    }

    /// Waits for an event that begins so; forgets those before it.
    fn wait_for(&self, beginning: &str) -> String {
        loop {
            let event = self.told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("`{beginning}` has not happened"));
            if event.starts_with(beginning) {
                return event;
            }
        }
    }

    /// What has been told and was not waited for.
    fn told_so_far(&self) -> Vec<String> {
        self.told.try_iter().collect()
    }

    async fn until(&self, holds: impl AsyncFnMut(&dyn Store) -> bool) {
        until(&*self.stores[0], holds).await;
    }
}

async fn until(store: &dyn Store, mut holds: impl AsyncFnMut(&dyn Store) -> bool) {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let seen = store.change_count();
        if holds(store).await {
            return;
        }
        assert!(std::time::Instant::now() < until, "it has not come to it: {:?}", store.counts().await);
        // Not every change wakes whoever waits.
        let _ = tokio::time::timeout(Duration::from_millis(20), store.change_after(seen)).await;
    }
}

/// Collects what children tell for as long as anybody listens.
fn listen(path: &Path) -> Receiver<String> {
    let (sender, told) = channel();
    let socket = UnixDatagram::bind(path).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 8 << 10];
        while let Ok(length) = socket.recv(&mut buffer) {
            if sender.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).is_err() {
                return;
            }
        }
    });
    told
}

impl Engine {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Its status, and what it has said.
    fn end(&mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap(), said)
    }

    fn end_well(&mut self) {
        let (status, said) = self.end();
        assert!(status.success(), "{status}: {said}");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Waiting {
    /// The child is gone: its end of the connection is closed, and nobody has let it go on.
    fn wait_for_death(&mut self) {
        let read = self.connection.read_to_end(&mut Vec::new());
        assert!(read.is_ok(), "{} of task {} lives on", self.receiver, self.task);
    }
}

/// As a worker sees it.
fn is_succeeded(record: &TaskRecord) -> bool {
    record.state.as_str() == "succeeded"
}
