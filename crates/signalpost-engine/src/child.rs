//! The engine's end of a child: what goes out, what comes in, how it ended.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::frame::FrameReader;
use crate::message::Said;
use crate::pool::Message;
use crate::process::{Process, described};

/// A process that closes its connection is about to end, mostly.
const ENDS_WITHIN: Duration = Duration::from_secs(1);
const PIECE: usize = 64 << 10;

/// The way to a child. What it says, and its end, go to the pool.
#[derive(Debug)]
pub(crate) struct Line {
    frames: UnboundedSender<Vec<u8>>,
    kill: Arc<Notify>,
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ending {
    /// `killed by signal 9 (SIGKILL)`, for instance.
    pub(crate) how: String,
    /// It ended by itself, with 0.
    pub(crate) is_clean: bool,
}

impl Line {
    /// Attends to a child from its start to its end.
    pub(crate) fn open(number: u32, process: Process, socket: UnixStream, pool: UnboundedSender<Message>) -> Self {
        let (frames, outgoing) = unbounded_channel();
        let kill = Arc::new(Notify::new());
        let (read, write) = socket.into_split();
        let writing = tokio::spawn(write_all(write, outgoing));
        let attending = Attending { number, pool, reader: FrameReader::default(), nonsense: None };
        let killed = kill.clone();
        tokio::spawn(async move {
            let pool = attending.pool.clone();
            let ending = attending.attend(process, read, &killed).await;
            writing.abort();
            let _ = pool.send(Message::Gone(number, ending));
        });
        Self { frames, kill }
    }

    /// Leads to a test.
    #[cfg(test)]
    pub(crate) fn rehearsed() -> (Self, UnboundedReceiver<Vec<u8>>) {
        let (frames, outgoing) = unbounded_channel();
        (Self { frames, kill: Arc::default() }, outgoing)
    }

    /// Sends whole frames. What is sent to a child that is gone is lost, and its end tells of that.
    pub(crate) fn send(&self, frames: Vec<u8>) {
        if !frames.is_empty() {
            let _ = self.frames.send(frames);
        }
    }

    /// Kills the child and its group.
    pub(crate) fn kill(&self) {
        self.kill.notify_one();
    }
}

async fn write_all(mut socket: OwnedWriteHalf, mut frames: UnboundedReceiver<Vec<u8>>) {
    while let Some(mut batch) = frames.recv().await {
        while let Ok(more) = frames.try_recv() {
            batch.extend_from_slice(&more);
        }
        if socket.write_all(&batch).await.is_err() {
            return;
        }
    }
    // The pool has let go of the child: it reads the end, and ends.
}

struct Attending {
    number: u32,
    pool: UnboundedSender<Message>,
    reader: FrameReader,
    nonsense: Option<String>,
}

enum End {
    Ended,
    Closed,
    Killed,
}

impl Attending {
    async fn attend(mut self, process: Process, mut socket: OwnedReadHalf, kill: &Notify) -> Ending {
        let mut piece = vec![0; PIECE];
        let end = loop {
            tokio::select! {
                biased;
                () = kill.notified() => break End::Killed,
                read = socket.read(&mut piece) => match read {
                    Ok(0) | Err(_) => break End::Closed,
                    Ok(length) => self.take(&piece[..length]),
                },
                () = process.ended() => break End::Ended,
            }
            if self.nonsense.is_some() {
                break End::Killed;
            }
        };
        let has_ended = match end {
            End::Ended => true,
            End::Killed => false,
            End::Closed => {
                tokio::select! {
                    () = kill.notified() => false,
                    ended = timeout(ENDS_WITHIN, process.ended()) => ended.is_ok(),
                }
            }
        };
        // What it has started may hold its connection open, and work on.
        process.kill();
        if !matches!(end, End::Closed) {
            self.take_rest(&socket, &mut piece);
        }
        let status = process.reap().await;
        self.ending(status.ok(), has_ended, matches!(end, End::Closed))
    }

    /// What a child said before it died has been said.
    fn take_rest(&mut self, socket: &OwnedReadHalf, piece: &mut [u8]) {
        // Asked of the system, and not of the runtime: that may not have heard of it yet when it hears of the end.
        let socket: &UnixStream = socket.as_ref();
        while let Ok(length) = rustix::io::read(socket, &mut *piece) {
            if length == 0 || self.nonsense.is_some() {
                return;
            }
            self.take(&piece[..length]);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
        loop {
            let said = match self.reader.next_frame() {
                Ok(Some((kind, body))) => Said::read(kind, body),
                Ok(None) => return,
                Err(error) => Err(error.to_string()),
            };
            match said {
                Ok(said) => drop(self.pool.send(Message::Said(self.number, said))),
                Err(error) => {
                    self.nonsense = Some(error);
                    return;
                }
            }
        }
    }

    fn ending(self, status: Option<ExitStatus>, has_ended: bool, has_closed: bool) -> Ending {
        let is_clean = has_ended && status.is_some_and(|status| status.success());
        let how = match (self.nonsense, status) {
            (Some(nonsense), _) => format!("its frames make no sense: {nonsense}"),
            (None, Some(status)) if has_ended => described(status),
            _ if has_closed => "it has closed its connection to the engine".to_owned(),
            (None, Some(status)) => described(status),
            (None, None) => "its end is not known".to_owned(),
        };
        Ending { how, is_clean }
    }
}
