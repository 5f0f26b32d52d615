//! Signals whose whole send is one task.

mod many;
mod run;
mod sending;

use std::any::type_name;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use signalpost_dispatch::{AsyncReceiver, BoxError, ConnectOptions, Event, Receiver, ReceiverOutput, Sender};
use signalpost_store::{DEFAULT_QUEUE, SendId};
use signalpost_worker::Run;

use crate::background::{
    BackgroundOptions, BackgroundReceiver, Declared, Defaults, StartRun, start_async, start_blocking,
};
use crate::hooks::Captures;
use crate::link::link_first;
use crate::registry;
use crate::run::RunContext;
use crate::stored_signal::StoredSignal;
use crate::{ConnectedReceiver, RegistryError, RobustResponses, SendOptions, SendWith, SignalInfo, hooks};

pub(crate) use run::run_all;

/// A background signal: each send writes exactly one task, however many receivers there are, and a worker runs them.
///
/// In the worker the blocking receivers run first, in order of connection, then the asynchronous ones together. One
/// that fails does not stop the others: it is logged, and becomes a task of its own with all of its attempts; the run
/// beside the others is not counted, and a [`Permanent`](crate::Permanent) failure is met once more there. Results are
/// kept of tasks of their own only. Receivers are connected by name, as background receivers of a
/// [`Signal`](crate::Signal) are; a sender need not know them.
///
/// ```standalone_crate
/// use signalpost::{AsyncSignal, Event, Sender, Sent};
///
/// static ORDER_PAID: AsyncSignal<u32> = AsyncSignal::new("doc.order_paid").queue("high_priority");
///
/// fn print_label(event: &Event<u32>) {
///     println!("a label for order {}", event.payload);
/// }
///
/// ORDER_PAID.connect(print_label)?;
/// // No store is installed here: the receivers run inside the send, and a warning says so.
/// assert!(matches!(ORDER_PAID.send(Sender::NONE, &7)?, Sent::RanHere(responses) if responses.len() == 1));
/// # Ok::<(), signalpost::BoxError>(())
/// ```
pub struct AsyncSignal<P> {
    pub(crate) stored: StoredSignal,
    queue: &'static str,
    pub(crate) captures: Captures<P>,
}

/// What a background signal's send did.
#[derive(Debug)]
#[non_exhaustive]
pub enum Sent {
    /// One task was written.
    Queued(SendId),
    /// No store is installed: the receivers ran inside the send.
    RanHere(RobustResponses<()>),
}

impl Sent {
    /// The send that the task belongs to; `None`: the receivers ran inside the send.
    pub fn send_id(&self) -> Option<SendId> {
        match self {
            Sent::Queued(send_id) => Some(*send_id),
            Sent::RanHere(_) => None,
        }
    }
}

impl<P> AsyncSignal<P> {
    /// A background signal on the queue `default`. The name stands in every task: see [`Signal::new`](crate::Signal::new).
    pub const fn new(name: &'static str) -> Self {
        Self { stored: StoredSignal::new(name), queue: DEFAULT_QUEUE, captures: Captures::new() }
    }

    /// The same signal on another queue.
    #[must_use]
    pub const fn queue(mut self, queue: &'static str) -> Self {
        self.queue = queue;
        self
    }

    /// What the signal was called before: see [`Signal::aliases`](crate::Signal::aliases).
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.stored.aliases = aliases;
        self
    }

    /// The version of the payload's shape, and how an older one is made into it: see
    /// [`Signal::version`](crate::Signal::version).
    ///
    /// # Panics
    ///
    /// When the version is 0: in a `static`, where the program is compiled.
    #[must_use]
    pub const fn version(
        mut self,
        version: u32,
        upgrade: fn(u32, serde_json::Value) -> Result<serde_json::Value, BoxError>,
    ) -> Self {
        self.stored = self.stored.versioned(version, upgrade);
        self
    }

    /// The name given to [`AsyncSignal::new`].
    pub fn name(&self) -> &'static str {
        self.stored.name
    }

    /// The signal, and something to say of the send that comes next: see [`Signal::with`](crate::Signal::with).
    pub fn with(&self, options: SendOptions) -> SendWith<'_, Self> {
        SendWith::new(self, options)
    }

    /// True when a receiver that hears `sender` is connected in this process. A send writes its task all the same: workers
    /// may know receivers that this process does not.
    pub fn has_listeners(&self, sender: &Sender) -> bool {
        link_first();
        in_order(self.name(), sender).iter().any(|receiver| !hooks::is_muted(receiver.name()))
    }

    /// Everything that is connected in this process, in order of connection.
    pub fn receivers(&self) -> Vec<ConnectedReceiver> {
        link_first();
        self.connected()
    }

    fn connected(&self) -> Vec<ConnectedReceiver> {
        registry::of_signal(self.name()).iter().map(|receiver| (&**receiver).into()).collect()
    }

    /// Removes the receiver called `name` from this process; false when there is none.
    pub fn disconnect_background(&self, name: &str) -> bool {
        link_first();
        registry::unregister(self.name(), name)
    }

    /// Removes a function that was connected without a name of its own; false when it was not connected.
    pub fn disconnect<F>(&self, _receiver: F) -> bool {
        self.disconnect_background(type_name::<F>())
    }
}

impl<P: Serialize + DeserializeOwned + Send + Sync + 'static> AsyncSignal<P> {
    /// Connects a blocking receiver to sends by anybody.
    ///
    /// # Errors
    ///
    /// When another receiver has its name: two closures have, if one function connects them. Give them names, with
    /// [`AsyncSignal::connect_with`].
    #[track_caller]
    pub fn connect<F, O>(&self, receiver: F) -> Result<Receiver, RegistryError>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<()>,
    {
        self.connect_with(BackgroundOptions::new(), receiver)
    }

    /// Connects a blocking receiver.
    ///
    /// # Errors
    ///
    /// When another receiver has the name; when a queue or a priority is given, which are the signal's; when the options
    /// cannot be for other reasons, as in [`Signal::connect_background`](crate::Signal::connect_background).
    #[track_caller]
    pub fn connect_with<F, O>(&self, options: BackgroundOptions, receiver: F) -> Result<Receiver, RegistryError>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<()>,
    {
        let declared = Declared { is_blocking: true, needs: Vec::new() };
        self.register(options, type_name::<F>(), declared, start_blocking::<P, F, O>(self.stored, receiver))
    }

    /// Connects an asynchronous receiver to sends by anybody.
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::connect`].
    #[track_caller]
    pub fn connect_async<F>(&self, receiver: F) -> Result<Receiver, RegistryError>
    where
        F: for<'a> AsyncReceiver<'a, P, ()> + Send + Sync + 'static,
    {
        self.connect_async_with(BackgroundOptions::new(), receiver)
    }

    /// Connects an asynchronous receiver.
    ///
    /// # Errors
    ///
    /// As [`AsyncSignal::connect_with`].
    #[track_caller]
    pub fn connect_async_with<F>(&self, options: BackgroundOptions, receiver: F) -> Result<Receiver, RegistryError>
    where
        F: for<'a> AsyncReceiver<'a, P, ()> + Send + Sync + 'static,
    {
        let declared = Declared { is_blocking: false, needs: Vec::new() };
        self.register(options, type_name::<F>(), declared, start_async::<P, F>(self.stored, receiver))
    }

    #[doc(hidden)]
    #[track_caller]
    pub fn __connect<F, O>(&'static self, options: ConnectOptions, receiver: F) -> Result<(), RegistryError>
    where
        F: Fn(&Event<'_, P>) -> O + Send + Sync + 'static,
        O: ReceiverOutput<()>,
    {
        self.list()?;
        self.connect_with(self.declared_options(options)?, receiver).map(drop)
    }

    #[doc(hidden)]
    #[track_caller]
    pub fn __connect_async<F>(&'static self, options: ConnectOptions, receiver: F) -> Result<(), RegistryError>
    where
        F: for<'a> AsyncReceiver<'a, P, ()> + Send + Sync + 'static,
    {
        self.list()?;
        self.connect_async_with(self.declared_options(options)?, receiver).map(drop)
    }

    #[doc(hidden)]
    #[track_caller]
    pub fn __connect_background(
        &'static self,
        options: BackgroundOptions,
        declared: Declared,
        start: impl Fn(RunContext) -> Run + Send + Sync + 'static,
    ) -> Result<(), RegistryError> {
        self.list()?;
        self.register(options, "", declared, Arc::new(start)).map(drop)
    }

    #[track_caller]
    fn declared_options(&self, options: ConnectOptions) -> Result<BackgroundOptions, RegistryError> {
        let (name, sender, uid) = options.into_parts();
        if uid.is_some() {
            let receiver = format!("{} at {}", name.unwrap_or_default(), Location::caller());
            return Err(RegistryError::uid_in_the_background(&receiver, self.name()));
        }
        let background = BackgroundOptions::new().sender(sender);
        Ok(match name {
            Some(name) => background.name(name),
            None => background,
        })
    }

    fn list(&'static self) -> Result<(), RegistryError> {
        let address = std::ptr::from_ref(self).addr();
        registry::list(self.name(), address, || SignalInfo { name: self.name(), receivers: self.connected() })
    }

    #[track_caller]
    fn register(
        &self,
        options: BackgroundOptions,
        name: &'static str,
        declared: Declared,
        start: StartRun,
    ) -> Result<Receiver, RegistryError> {
        let location = Location::caller();
        let of_its_own = || format!("{} at {location}", options.name.unwrap_or(name));
        if options.queue.is_some() || options.priority != 0 {
            return Err(RegistryError::option_of_the_signal(&of_its_own(), self.name()));
        }
        if options.is_atomic {
            return Err(RegistryError::atomic_beside_others(&of_its_own(), self.name()));
        }
        let default = Defaults { name, queue: self.queue, location };
        let receiver = Arc::new(BackgroundReceiver::new(self.stored, options, default, declared, start));
        registry::register(receiver.clone())?;
        let known = registry::find(self.name(), receiver.name());
        Ok(known.map_or(receiver.receiver, |known| known.receiver))
    }
}

/// The receivers of a sender: blocking ones first, each kind in order of connection.
fn in_order(signal: &str, sender: &Sender) -> Vec<Arc<BackgroundReceiver>> {
    let mut receivers = registry::of_signal(signal);
    receivers.retain(|receiver| receiver.hears(sender));
    receivers.sort_by_key(|receiver| !receiver.declared.is_blocking);
    receivers
}

impl<P> fmt::Debug for AsyncSignal<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncSignal").field("name", &self.name()).field("queue", &self.queue).finish_non_exhaustive()
    }
}
