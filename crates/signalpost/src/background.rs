//! Background receivers: how they are declared, and what the worker needs to run them.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use signalpost_dispatch::{AsyncReceiver, Event, Receiver, ReceiverOutput, Sender};
use signalpost_worker::{Backoff, Failure, Rate, ReceiverPolicy, Run, Success};

use crate::data::DataMap;
use crate::run::{RunContext, outcome, run_async, run_blocking};
use crate::stored_signal::StoredSignal;
use crate::{Needs, sender_alias};

/// How a background receiver wants to be treated.
///
/// `#[receiver(SIGNAL, background, queue = "mail", max_attempts = 10, …)]` has an option for each of these.
///
/// ```
/// use signalpost::{BackgroundOptions, Event, Signal};
/// use std::time::Duration;
///
/// async fn reindex(event: &Event<'_, u64>) {
///     println!("{} has changed", event.payload);
/// }
///
/// let changed: Signal<u64> = Signal::new("doc.changed");
/// let options = BackgroundOptions::new().name("doc.reindex").queue("slow").timeout(Duration::from_secs(60));
/// changed.connect_background(options, reindex)?;
/// # Ok::<(), signalpost::RegistryError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BackgroundOptions {
    pub(crate) name: Option<&'static str>,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) sender: Sender,
    pub(crate) queue: Option<&'static str>,
    pub(crate) priority: i16,
    pub(crate) policy: ReceiverPolicy,
    pub(crate) is_atomic: bool,
}

impl Default for BackgroundOptions {
    fn default() -> Self {
        Self {
            name: None,
            aliases: &[],
            sender: Sender::NONE,
            queue: None,
            priority: 0,
            policy: ReceiverPolicy::default(),
            is_atomic: false,
        }
    }
}

impl BackgroundOptions {
    /// Everything at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name that stands in the rows. Default: the path of the function. A function that moves to another module
    /// while tasks are waiting keeps them only if its name is given by hand, or with [`BackgroundOptions::aliases`].
    #[must_use]
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// What it was called before: a task that names one of these finds it. No other receiver of the signal may be
    /// called so. Needed in workers for as long as such tasks wait, and in senders while older workers run. Default: none.
    #[must_use]
    pub fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Only sends by this sender, a label; an object cannot be recognised in another process. Default: any.
    #[must_use]
    pub fn sender(mut self, sender: impl Into<Sender>) -> Self {
        self.sender = sender.into();
        self
    }

    /// The queue of its tasks. Default: `default`. Some worker must serve it. Refused on an `AsyncSignal`, which has its
    /// own.
    #[must_use]
    pub fn queue(mut self, queue: &'static str) -> Self {
        self.queue = Some(queue);
        self
    }

    /// The priority of its tasks within the queue, from -100 to 100, higher first. Default: 0. Refused on an
    /// `AsyncSignal`.
    #[must_use]
    pub fn priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// How many failures until a task is dead, at least 1. Default: 10. Deaths of workers are not failures.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.policy.max_attempts = attempts;
        self
    }

    /// How long one run may take; then it has failed. Default: for ever. An `async` receiver is dropped at its next
    /// await; blocking code cannot be stopped and keeps its place until it ends. Not applied where no store is installed.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.policy.timeout = Some(timeout);
        self
    }

    /// How long to wait between attempts. Default: half a second to a second, doubled each time, an hour at most.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = backoff;
        self
    }

    /// How many of its runs go on at once, in each worker. Default: as many as the worker has room for. Of a receiver at
    /// its limit no more tasks are claimed; a receiver of which thousands may wait should have a queue of its own, or
    /// they hide what is behind them. Tasks that were sent under an alias
    /// are counted apart. In the whole run of an `AsyncSignal` it does not count.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.policy.concurrency = Some(concurrency);
        self
    }

    /// How many of its runs begin within a time, in each worker: what an API allows, divided by the workers. Default: no
    /// limit. Tasks that were sent under an alias are counted apart. In the whole run of an `AsyncSignal` it does not
    /// count.
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.policy.rate = Some(rate);
        self
    }

    /// Whether the receiver commits its writes and its task's success together, in the transaction of
    /// [`RunningTask::begin`](crate::RunningTask::begin): so what it writes to the store's database is written exactly
    /// once. Default: false. For asynchronous receivers; refused on an `AsyncSignal`, whose receivers share a task.
    #[must_use]
    pub fn atomic(mut self, is_atomic: bool) -> Self {
        self.is_atomic = is_atomic;
        self
    }
}

/// What `#[receiver]` knows of a background receiver besides its options.
#[derive(Debug)]
pub struct Declared {
    /// It is not an `async fn`.
    pub is_blocking: bool,
    /// What it takes besides the event.
    pub needs: Vec<Option<Needs>>,
}

pub(crate) type StartRun = Arc<dyn Fn(RunContext) -> Run + Send + Sync>;

/// A background receiver as it is registered.
pub(crate) struct BackgroundReceiver {
    pub(crate) receiver: Receiver,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) signal: StoredSignal,
    pub(crate) sender: Sender,
    pub(crate) queue: &'static str,
    pub(crate) priority: i16,
    pub(crate) policy: ReceiverPolicy,
    pub(crate) is_atomic: bool,
    pub(crate) declared: Declared,
    pub(crate) start: StartRun,
}

impl BackgroundReceiver {
    pub(crate) fn new(
        signal: StoredSignal,
        options: BackgroundOptions,
        default: Defaults,
        declared: Declared,
        start: StartRun,
    ) -> Self {
        Self {
            receiver: Receiver::new(options.name.unwrap_or(default.name), default.location),
            aliases: options.aliases,
            signal,
            sender: options.sender,
            queue: options.queue.unwrap_or(default.queue),
            priority: options.priority,
            policy: options.policy,
            is_atomic: options.is_atomic,
            declared,
            start,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.receiver.name()
    }

    /// Its name, and what it was called before.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name()].into_iter().chain(self.aliases.iter().copied())
    }

    /// What it needs that is not there.
    pub(crate) fn missing(&self, data: &DataMap) -> Option<Needs> {
        self.declared.needs.iter().flatten().copied().find(|needs| !data.has(*needs))
    }

    /// Whether it listens to this sender. In a worker senders are known by their labels only.
    pub(crate) fn hears(&self, sender: &Sender) -> bool {
        let (wanted, sender) = (self.sender.as_label(), sender.as_label());
        wanted.is_none() || wanted == sender || wanted.map(sender_alias::current) == sender.map(sender_alias::current)
    }
}

/// What a receiver is if its options do not say.
pub(crate) struct Defaults {
    pub(crate) name: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) location: &'static Location<'static>,
}

/// What starts a run of an asynchronous function or closure of one event.
pub(crate) fn start_async<P, F>(signal: StoredSignal, receiver: F) -> StartRun
where
    P: DeserializeOwned + Send + Sync + 'static,
    F: for<'a> AsyncReceiver<'a, P, ()> + Send + Sync + 'static,
{
    let receiver = Arc::new(receiver);
    Arc::new(move |run| {
        let receiver = receiver.clone();
        run_async(run, move |run| async move {
            let payload: P = signal.decode(&run.task)?;
            let sender = run.sender();
            let event = run.event(&sender, &payload);
            let output = receiver(&event).await;
            succeed(output)
        })
    })
}

/// What starts a run of a blocking function or closure of one event.
pub(crate) fn start_blocking<P, F, O>(signal: StoredSignal, receiver: F) -> StartRun
where
    P: DeserializeOwned + 'static,
    F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
    O: ReceiverOutput<()>,
{
    let receiver = Arc::new(receiver);
    Arc::new(move |run| {
        let receiver = receiver.clone();
        run_blocking(run, move |run| {
            let payload: P = signal.decode(&run.task)?;
            let sender = run.sender();
            succeed(receiver(&run.event(&sender, &payload)))
        })
    })
}

fn succeed(output: impl ReceiverOutput<()>) -> Result<Success, Failure> {
    outcome(output.into_result())
}
