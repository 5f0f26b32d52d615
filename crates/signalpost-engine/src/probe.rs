//! Answers probes, by HTTP: whether the worker works, and why not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};
use signalpost_worker::{Health, WorkerState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::pool::{PoolHandle, PoolState};

/// How many are answered at once, and how long one may take: who connects and says nothing holds up nobody for long.
const AT_ONCE: usize = 32;
const WITHIN: Duration = Duration::from_secs(2);
/// The longest head of a request.
const LONGEST: usize = 8 << 10;

/// What probes ask about.
pub(crate) struct Probed {
    pub(crate) pool: PoolHandle,
    /// Of each store, by its alias, how its worker is.
    pub(crate) stores: Vec<(String, Health)>,
}

/// What a probe is told, in one line of JSON.
#[derive(Debug, Serialize)]
struct Answer {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many children are ready.
    children: usize,
    stores: Map<String, Value>,
}

/// Listens there.
///
/// # Errors
///
/// When it cannot.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers whoever comes, for as long as it is polled.
pub(crate) async fn answer_all(listener: TcpListener, probed: Probed) {
    let (probed, room) = (Arc::new(probed), Arc::new(Semaphore::new(AT_ONCE)));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let probed = probed.clone();
                tokio::spawn(async move {
                    // Whoever goes away early has heard nothing, and that is all.
                    let _ = timeout(WITHIN, answer(stream, &probed)).await;
                    drop(place);
                });
            }
            // There are too many files, say. It passes, and asking again at once would not help.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer(mut stream: TcpStream, probed: &Probed) -> io::Result<()> {
    let mut head = Vec::new();
    let is_whole =
        |head: &[u8]| head.windows(4).any(|end| end == b"\r\n\r\n") || head.windows(2).any(|end| end == b"\n\n");
    while !is_whole(&head) && head.len() < LONGEST {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    stream.write_all(response(&head, probed).as_bytes()).await?;
    stream.shutdown().await
}

fn response(head: &[u8], probed: &Probed) -> String {
    let head = String::from_utf8_lossy(head);
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let path = target.unwrap_or_default().split('?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        _ if version.is_none_or(|version| !version.starts_with("HTTP/1.")) => ("400 Bad Request", None),
        (Some("GET" | "HEAD"), "/") => of(probed.readiness()),
        (Some("GET" | "HEAD"), "/live") => of(probed.liveness()),
        (_, "/" | "/live") => ("405 Method Not Allowed", None),
        _ => ("404 Not Found", None),
    };
    let body = body.unwrap_or_else(|| json!({"ok": false, "reason": "GET / or /live"}).to_string()) + "\n";
    let length = body.len();
    let shown = if method == Some("HEAD") { "" } else { &*body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nCache-Control: no-store\r\n\
         Connection: close\r\n\r\n{shown}"
    )
}

fn of(answer: Answer) -> (&'static str, Option<String>) {
    let status = if answer.ok { "200 OK" } else { "503 Service Unavailable" };
    (status, serde_json::to_string(&answer).ok())
}

impl Probed {
    /// Whether it works: children are ready, each store answers, and its lease is held.
    fn readiness(&self) -> Answer {
        let without_children = || match &*self.pool.state.borrow() {
            PoolState::Starting => Some("no child has started yet".to_owned()),
            PoolState::Failed(why) => Some(format!("no child can be started: {why}")),
            PoolState::Ready { .. } => (self.pool.shared.ready() == 0).then(|| "no child is ready".to_owned()),
        };
        let of_store = |alias: &str, health: &Health| {
            let problem = match health.state() {
                WorkerState::Starting => "has not been asked for a lease yet",
                WorkerState::Stopping | WorkerState::Stopped => return Some("the worker is stopping".to_owned()),
                _ if !health.store_answers() => "does not answer",
                _ if !health.is_ready() => "has not renewed the lease in time",
                _ => return None,
            };
            Some(format!("the store `{alias}` {problem}"))
        };
        let of_stores = || self.stores.iter().find_map(|(alias, health)| of_store(alias, health));
        self.answer(without_children().or_else(of_stores))
    }

    /// Whether a new start would not help.
    fn liveness(&self) -> Answer {
        // One that has ended has done so in good order, or the engine ends with it.
        let hangs = |(_, health): &&(String, Health)| !health.is_live() && health.state() != WorkerState::Stopped;
        let hanging = self.stores.iter().find(hangs);
        self.answer(hanging.map(|(alias, _)| format!("the worker of the store `{alias}` hangs")))
    }

    fn answer(&self, reason: Option<String>) -> Answer {
        let of_store = |health: &Health| {
            let state = match health.state() {
                WorkerState::Starting => "starting",
                WorkerState::Working => "working",
                WorkerState::CutOff => "cut off",
                WorkerState::Stopping => "stopping",
                WorkerState::Stopped => "stopped",
            };
            let (answers, running, in_hand) = (health.store_answers(), health.running(), health.in_hand());
            json!({"state": state, "answers": answers, "running": running, "in_hand": in_hand})
        };
        let stores = self.stores.iter().map(|(alias, health)| (alias.clone(), of_store(health))).collect();
        Answer { ok: reason.is_none(), reason, children: self.pool.shared.ready(), stores }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{Pool, PoolOptions};
    use crate::process::Launch;

    fn probed() -> Probed {
        let launch = Launch { command: Vec::new(), leash: "".into(), slots: 0 };
        let options = PoolOptions {
            launch,
            processes: 1,
            threads: 1,
            async_concurrency: 0,
            max_tasks_per_child: None,
            max_memory_per_child: None,
            start_timeout: WITHIN,
            answer_timeout: WITHIN,
            stores: vec!["default".to_owned()],
        };
        Probed { pool: Pool::new(options).1, stores: vec![("default".to_owned(), Health::default())] }
    }

    /// The first line and the body of what is said to this.
    async fn said_to(address: SocketAddr, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_default();
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    #[tokio::test]
    async fn who_asks_is_answered_in_one_line() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answering = tokio::spawn(answer_all(listener, probed()));
        let (status, body) = said_to(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
        let said: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&said["ok"], &said["children"]), (&false.into(), &0.into()));
        assert_eq!(said["reason"], "no child has started yet");
        assert_eq!(said["stores"]["default"]["state"], "starting");
        assert_eq!(body.lines().count(), 1);
        for (request, expected) in [
            ("GET /live?verbose HTTP/1.0\n\n", "HTTP/1.1 200 OK"),
            ("POST / HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
            ("GET /admin HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
            ("hello\n\n", "HTTP/1.1 400 Bad Request"),
        ] {
            assert_eq!(said_to(address, request).await.0, expected, "{request}");
        }
        let head = said_to(address, "HEAD /live HTTP/1.1\r\n\r\n").await;
        assert_eq!(head, ("HTTP/1.1 200 OK".to_owned(), String::new()));
        answering.abort();
    }

    #[tokio::test]
    async fn whoever_says_nothing_or_too_much_holds_up_nobody() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answering = tokio::spawn(answer_all(listener, probed()));
        let mut silent = Vec::new();
        for _ in 0..AT_ONCE {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        assert_eq!(said_to(address, "GET /live HTTP/1.1\r\n\r\n").await.0, "HTTP/1.1 200 OK");
        let endless = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(LONGEST));
        assert!(said_to(address, &endless).await.0.contains("503"));
        answering.abort();
    }
}
