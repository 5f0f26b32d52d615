//! The pool: hands runs to children, watches over them, says how each run ended. It owns all state; everything else sends it
//! [`Message`]s.

mod children;
mod ending;
mod handing;
mod pace;
#[cfg(test)]
mod rehearsal;
mod shared;
mod starts;
mod telling;
mod watching;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use signalpost_store::{Outcome, PublishedReceiver, Task};
use signalpost_worker::{Failure, Success};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::child::Ending;
use crate::event::Event;
use crate::message::Said;
use crate::process::Launch;
use crate::settings::StoreSettings;
use children::Child;
pub(crate) use shared::Shared;
use starts::Starts;
use telling::Telling;
use watching::WAITS_AT_MOST;

/// What the pool is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A run is to be made; `reply` is told how it ended.
    Run { run: u64, store: usize, task: Arc<Task>, reply: oneshot::Sender<Result<Success, Failure>> },
    /// Nobody waits for the run's end any more.
    Abandoned(u64),
    /// The store has recorded what became of a task.
    Finished { store: usize, task: Arc<Task>, outcome: Outcome },
    /// A child has said something.
    Said(u32, Said),
    /// A child has ended, and nothing more comes from it.
    Gone(u32, Ending),
    /// The server of a store has refused its credentials; `reply` is told new ones.
    AskCredentials { store: usize, reply: oneshot::Sender<Result<Box<StoreSettings>, String>> },
    /// Somebody else's event.
    Tell(Event),
    /// Every child is to be replaced.
    ReplaceAll,
    /// Nothing new begins: what has not begun is given back.
    WrapUp,
    /// The children are stopped, and killed at that time if they have not ended; and then the pool ends.
    Stop { kill_at: Instant },
    /// The children are killed, and then the pool ends.
    StopNow,
}

/// How the pool is to work.
#[derive(Debug, Clone)]
pub(crate) struct PoolOptions {
    pub(crate) launch: Launch,
    pub(crate) processes: usize,
    pub(crate) threads: usize,
    pub(crate) async_concurrency: usize,
    pub(crate) max_tasks_per_child: Option<u64>,
    /// In bytes.
    pub(crate) max_memory_per_child: Option<u64>,
    pub(crate) start_timeout: Duration,
    pub(crate) answer_timeout: Duration,
    /// Their aliases, in the order of their numbers.
    pub(crate) stores: Vec<String>,
}

/// How far the pool has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PoolState {
    /// No child has said hello.
    Starting,
    /// A child has, and this is what the newest one knows.
    Ready { queues: Vec<String>, receivers: Vec<PublishedReceiver> },
    /// No child can be started; the text says why.
    Failed(String),
}

impl PoolState {
    /// Those that are registered.
    pub(crate) fn receivers(&self) -> Vec<PublishedReceiver> {
        match self {
            Self::Ready { receivers, .. } => receivers.clone(),
            Self::Starting | Self::Failed(_) => Vec::new(),
        }
    }
}

/// The way to a pool.
#[derive(Debug, Clone)]
pub(crate) struct PoolHandle {
    messages: UnboundedSender<Message>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) state: watch::Receiver<PoolState>,
    aliases: Arc<[String]>,
}

impl PoolHandle {
    /// Something about a store, with its name.
    pub(crate) fn of_store(&self, store: usize, text: &str) -> String {
        format!("store `{}`: {text}", self.aliases[store])
    }

    pub(crate) fn send(&self, message: Message) {
        // A pool that has ended has no children, and no runs.
        let _ = self.messages.send(message);
    }
}

/// A run that the pool holds.
#[derive(Debug)]
struct Hand {
    store: usize,
    task: Arc<Task>,
    reply: oneshot::Sender<Result<Success, Failure>>,
    /// The child that has it; `None`: it waits for one.
    child: Option<u32>,
    came_at: Instant,
    /// When it was handed to the child.
    handed_at: Instant,
    /// When the child was asked to give it back.
    recalled_at: Option<Instant>,
    /// It was seen at work.
    has_begun: bool,
    /// When it was first seen to have ended, and its result had not come.
    ended_at: Option<Instant>,
    /// How many children have died with it in hand, before it had begun.
    lost: u32,
}

impl Hand {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

pub(crate) struct Pool {
    options: PoolOptions,
    inbox: UnboundedReceiver<Message>,
    /// For the children's own messages.
    outbox: UnboundedSender<Message>,
    shared: Arc<Shared>,
    state: watch::Sender<PoolState>,

    runs: HashMap<u64, Hand>,
    /// Of the runs that wait for a child: those of suspects, and the others.
    suspects: VecDeque<u64>,
    waiting: VecDeque<u64>,
    /// How long a suspect may wait for a child that has nothing else in hand.
    suspect_waits: Duration,

    children: BTreeMap<u32, Child>,
    next_child: u32,
    starts: Starts,
    warned_of_memory: bool,

    telling: Telling,
    /// How many have been sent to children.
    events: u64,
    /// Which run of which child a task's newest claim was, for children that want to be told of its end.
    ran: Ran,
    /// Who waits for the credentials of which store.
    asked: HashMap<String, oneshot::Sender<Result<Box<StoreSettings>, String>>>,

    look_at: Instant,
    wraps_up: bool,
    stops: bool,
    kill_at: Option<Instant>,
}

/// Which run of which child a task's claim was: by store, task and fence.
type Ran = HashMap<(usize, i64, i64), (u64, u32)>;

/// How many messages are taken before what follows from them is done.
const TURN: usize = 1_024;

impl Pool {
    pub(crate) fn new(options: PoolOptions) -> (Self, PoolHandle) {
        let (outbox, inbox) = unbounded_channel();
        let (state, seen) = watch::channel(PoolState::Starting);
        let shared = Arc::new(Shared::new(options.stores.len()));
        let now = Instant::now();
        let aliases = options.stores.clone().into();
        let handle = PoolHandle { messages: outbox.clone(), shared: shared.clone(), state: seen, aliases };
        let pool = Self {
            options,
            inbox,
            outbox,
            shared,
            state,
            runs: HashMap::new(),
            suspects: VecDeque::new(),
            waiting: VecDeque::new(),
            suspect_waits: WAITS_AT_MOST,
            children: BTreeMap::new(),
            next_child: 1,
            starts: Starts::new(now),
            warned_of_memory: false,
            telling: Telling::new(now),
            events: 0,
            ran: HashMap::new(),
            asked: HashMap::new(),
            look_at: now,
            wraps_up: false,
            stops: false,
            kill_at: None,
        };
        (pool, handle)
    }

    pub(crate) fn messages(&self) -> UnboundedSender<Message> {
        self.outbox.clone()
    }

    /// Works until it is told to stop, and until the last child is gone. To be polled by the thread that lives as long as the
    /// engine: see [`Launch::start`].
    pub(crate) async fn work(mut self) {
        let mut messages = Vec::with_capacity(TURN);
        loop {
            let now = Instant::now();
            let has_looked = self.watch(now);
            self.start_missing(now);
            self.hand_out(now);
            if has_looked {
                self.give_back_waiting(now);
            }
            self.tell_capacity();
            if self.stops && self.children.is_empty() {
                return self.close();
            }
            let wake_at = self.wake_at(now);
            tokio::select! {
                biased;
                _ = self.inbox.recv_many(&mut messages, TURN) => {
                    let now = Instant::now();
                    for message in messages.drain(..) {
                        self.take(message, now);
                    }
                }
                () = sleep_until(wake_at) => {}
            }
        }
    }

    fn take(&mut self, message: Message, now: Instant) {
        match message {
            Message::Run { run, store, task, reply } => self.take_run(run, store, task, reply, now),
            Message::Abandoned(run) => self.abandon(run, now),
            Message::Finished { store, task, outcome } => self.take_finished(store, &task, &outcome),
            Message::Said(child, said) => self.take_said(child, said, now),
            Message::Gone(child, ending) => self.bury(child, &ending, now),
            Message::AskCredentials { store, reply } => self.ask_credentials(store, reply),
            Message::Tell(event) => self.tell(event, now),
            Message::ReplaceAll => self.replace_all("asked for", now),
            Message::WrapUp => self.wrap_up(now),
            Message::Stop { kill_at } => {
                self.wrap_up(now);
                (self.stops, self.kill_at) = (true, Some(kill_at));
                self.stop_children(now);
            }
            Message::StopNow => {
                self.wrap_up(now);
                self.stops = true;
                self.kill_children();
            }
        }
    }

    fn close(&mut self) {
        // Whoever has sent one in the meantime is answered by its end.
        self.inbox.close();
        self.runs.clear();
        self.say_events();
    }

    fn wake_at(&self, now: Instant) -> Instant {
        let starts_at = self.starts_at(now);
        starts_at.map_or(self.look_at, |at| at.min(self.look_at))
    }
}
