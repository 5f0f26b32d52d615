//! The signal: inline receivers in this process, background receivers through the store.

mod connecting;
mod many;
mod sending;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwapOption;
use signalpost_dispatch::{BoxError, Receiver, ReceiverError, Sender};
use signalpost_store::{PayloadError, PayloadLimits};

use crate::background::BackgroundReceiver;
use crate::hooks::Captures;
use crate::link::link_first;
use crate::stored_signal::StoredSignal;
use crate::{ConnectedReceiver, Response, SendOptions, SendWith, hooks, link};

/// What a send returns: every receiver, with its response.
pub type Responses<R> = Vec<(Receiver, Response<R>)>;

/// What the robust sends return: every receiver, with its response or its error.
pub type RobustResponses<R> = Vec<(Receiver, Result<Response<R>, ReceiverError>)>;

type Encode<P> = fn(&P, PayloadLimits) -> Result<String, PayloadError>;

/// A kind of event with payload `P`. Inline receivers respond with `R`; background receivers get a task each.
///
/// A signal is usually a `static`, under a name that is given by hand, because it is stored with tasks. Receivers are
/// declared with [`#[receiver]`](macro@crate::receiver) or connected by hand. All methods take `&self` and may be
/// called from any thread, and from inside a receiver.
///
/// # The order of a send
///
/// 1. The payload is encoded, if there are background receivers for the sender. A payload beyond the limits is
///    refused here, before anybody has run.
/// 2. Inline receivers: the synchronous ones in order of connection, then the asynchronous ones together.
/// 3. One INSERT with a row for each background receiver. If an inline receiver has raised, it is not made (the robust
///    forms make it all the same).
///
/// The crate's [first page](crate) has an example.
pub struct Signal<P, R = ()> {
    inline: signalpost_dispatch::Signal<P, R>,
    pub(crate) stored: StoredSignal,
    background: ArcSwapOption<Vec<Arc<BackgroundReceiver>>>,
    changing: Mutex<()>,
    // Set by the first background receiver, which is what demands that the payload can be written.
    encode: OnceLock<Encode<P>>,
    pub(crate) captures: Captures<P>,
}

impl<P, R> Signal<P, R> {
    /// A signal without receivers. The name stands in every task: at most 200 bytes, not changed while tasks wait, and
    /// given to one signal only. That is not checked: two signals of one name share their tasks' receivers.
    pub const fn new(name: &'static str) -> Self {
        Self {
            inline: signalpost_dispatch::Signal::new(name),
            stored: StoredSignal::new(name),
            background: ArcSwapOption::const_empty(),
            changing: Mutex::new(()),
            encode: OnceLock::new(),
            captures: Captures::new(),
        }
    }

    /// What the signal was called before: a task that names one of these finds the signal's receivers, and their
    /// events show the new name. No other signal may be called so. Needed in workers for as long as such tasks wait.
    ///
    /// ```
    /// use signalpost::Signal;
    ///
    /// static ORDER_PAID: Signal<u32> = Signal::new("shop.order_paid").aliases(&["shop.paid"]);
    /// ```
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.stored.aliases = aliases;
        self
    }

    /// The version of the payload's shape, from 1, and how an older one is made into it. Default: 1, and there is no older.
    ///
    /// Raise it when a stored payload of the older shape could not be read as `P`, or would be read wrongly. Tasks are
    /// written with the version. A worker gives `upgrade` the version and the JSON of a task that is older, and reads
    /// what it returns, in the newest shape, as `P`; when that fails the task is dead. A worker that knows an older
    /// version than the task's leaves it waiting, as it does a task whose receiver it does not know: so deploy workers
    /// before senders.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use serde_json::{Value, json};
    /// use signalpost::{BoxError, Signal};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Paid {
    ///     cents: u64,
    /// }
    ///
    /// /// Version 1 had whole euros.
    /// fn in_cents(_version: u32, paid: Value) -> Result<Value, BoxError> {
    ///     let euros = paid["euros"].as_u64().ok_or("there are no euros")?;
    ///     Ok(json!({ "cents": euros * 100 }))
    /// }
    ///
    /// static PAID: Signal<Paid> = Signal::new("doc.version.paid").version(2, in_cents);
    /// ```
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

    /// The name given to [`Signal::new`].
    pub fn name(&self) -> &'static str {
        self.inline.name()
    }

    /// The signal, and something to say of the send that comes next: a delay, an id that makes it idempotent.
    ///
    /// ```
    /// use signalpost::{BoxError, SendOptions, Sender, Signal};
    /// use std::time::Duration;
    ///
    /// static SIGNED_UP: Signal<u32> = Signal::new("doc.signed_up");
    ///
    /// # async fn sign_up() -> Result<(), BoxError> {
    /// SIGNED_UP.with(SendOptions::new().delay(Duration::from_secs(3600))).asend(Sender::NONE, &7).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with(&self, options: SendOptions) -> SendWith<'_, Self> {
        SendWith::new(self, options)
    }

    /// True when a send by `sender` would call somebody or write a task.
    pub fn has_listeners(&self, sender: &Sender) -> bool {
        // What cannot be linked cannot be sent either: the send says why.
        let linked = link::link().is_ok();
        linked && (self.inline.has_listeners(sender) || !self.background(sender).is_empty())
    }

    /// Everything that is connected: inline receivers in order of connection, then background ones.
    pub fn receivers(&self) -> Vec<ConnectedReceiver> {
        link_first();
        self.connected()
    }

    fn connected(&self) -> Vec<ConnectedReceiver> {
        let inline = self.inline.receivers();
        let background = self.background.load_full();
        let background = background.iter().flat_map(|receivers| receivers.iter().map(|receiver| (&**receiver).into()));
        inline.iter().map(ConnectedReceiver::from).chain(background).collect()
    }

    /// Whether no background receiver was ever connected: then a send has no rows of its own.
    #[inline]
    fn is_inline(&self) -> bool {
        link::is_linked() && self.encode.get().is_none()
    }

    /// The background receivers of a sender.
    fn background(&self, sender: &Sender) -> Vec<Arc<BackgroundReceiver>> {
        if self.is_inline() {
            return Vec::new();
        }
        match &*self.background.load() {
            Some(receivers) => {
                let hears =
                    |receiver: &&Arc<BackgroundReceiver>| receiver.hears(sender) && !hooks::is_muted(receiver.name());
                receivers.iter().filter(hears).cloned().collect()
            }
            None => Vec::new(),
        }
    }
}

impl<P, R> fmt::Debug for Signal<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("name", &self.name()).finish_non_exhaustive()
    }
}
