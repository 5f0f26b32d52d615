//! Connecting: what may be said about a receiver, and the handle that connecting returns.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::{Receiver, Sender, Signal};

/// A name for a connection, so that code which runs twice connects once.
///
/// Any value that can be compared will do: text, numbers, tuples. The first registration under a uid and a sender
/// wins; later ones return the first one's [`Connection`] and are not called.
///
/// ```
/// use signalpost_dispatch::DispatchUid;
///
/// assert_eq!(DispatchUid::new("mail"), DispatchUid::new("mail"));
/// assert_ne!(DispatchUid::new(("mail", 1)), DispatchUid::new(("mail", 2)));
/// ```
#[derive(Clone)]
pub struct DispatchUid(Arc<dyn UidValue>);

trait UidValue: Any + fmt::Debug + Send + Sync {
    fn same(&self, other: &dyn UidValue) -> bool;
}

impl<T: Any + Eq + fmt::Debug + Send + Sync> UidValue for T {
    fn same(&self, other: &dyn UidValue) -> bool {
        (other as &dyn Any).downcast_ref::<T>().is_some_and(|other| self == other)
    }
}

impl DispatchUid {
    /// A uid of any comparable value. Values of different types are different.
    pub fn new(value: impl Any + Eq + fmt::Debug + Send + Sync) -> Self {
        Self(Arc::new(value))
    }
}

impl PartialEq for DispatchUid {
    fn eq(&self, other: &Self) -> bool {
        self.0.same(&*other.0)
    }
}

impl Eq for DispatchUid {}

impl fmt::Debug for DispatchUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What may be said when a receiver is connected, and again when it is disconnected.
///
/// ```
/// use signalpost_dispatch::{ConnectOptions, Event, Sender, Signal};
///
/// fn log(event: &Event<u32>) {
///     println!("{:?} sent {}", event.sender, event.payload);
/// }
///
/// let signal: Signal<u32> = Signal::new("doc.options");
/// let from_shop = ConnectOptions::new().sender("shop.Shop").dispatch_uid("log");
/// signal.connect_with(from_shop.clone(), log);
/// assert!(signal.has_listeners(&Sender::label("shop.Shop")));
/// assert!(!signal.has_listeners(&Sender::label("shop.Garage")));
/// assert!(signal.disconnect_with(from_shop, log));
/// ```
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    pub(crate) sender: Sender,
    pub(crate) dispatch_uid: Option<DispatchUid>,
    pub(crate) name: Option<&'static str>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { sender: Sender::NONE, dispatch_uid: None, name: None }
    }
}

impl ConnectOptions {
    /// Any sender, no uid, the function's own name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only sends by this sender. Default: any.
    #[must_use]
    pub fn sender(mut self, sender: impl Into<Sender>) -> Self {
        self.sender = sender.into();
        self
    }

    /// The connection's uid: the first registration under it (and the same sender) wins. Default: none, and then
    /// the function itself is what must not be connected twice.
    #[must_use]
    pub fn dispatch_uid(mut self, uid: impl Any + Eq + fmt::Debug + Send + Sync) -> Self {
        self.dispatch_uid = Some(DispatchUid::new(uid));
        self
    }

    /// The name, the sender and the uid, for a layer above this crate that connects in its own way.
    pub fn into_parts(self) -> (Option<&'static str>, Sender, Option<DispatchUid>) {
        (self.name, self.sender, self.dispatch_uid)
    }

    /// The name that errors and listings show. Default: the path of the function's type.
    #[must_use]
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }
}

/// A receiver's place in a signal. Dropping it changes nothing: the receiver stays connected until
/// [`Connection::disconnect`], or until a [`Connection::scoped`] goes out of scope.
pub struct Connection<'s, P, R> {
    pub(crate) signal: &'s Signal<P, R>,
    pub(crate) receiver: Receiver,
}

impl<'s, P, R> Connection<'s, P, R> {
    /// The connected receiver. Where a `dispatch_uid` or the same function was there before, the earlier one.
    pub fn receiver(&self) -> Receiver {
        self.receiver
    }

    /// Removes the receiver; false when it was gone already.
    pub fn disconnect(self) -> bool {
        self.signal.disconnect_receiver(self.receiver.id)
    }

    /// Ties the receiver to a scope: it is disconnected when the value returned is dropped.
    ///
    /// ```
    /// use signalpost_dispatch::{Event, Sender, Signal};
    ///
    /// let signal: Signal<()> = Signal::new("doc.scoped");
    /// {
    ///     let _connected = signal.connect(|_: &Event<()>| ()).scoped();
    ///     assert!(signal.has_listeners(&Sender::NONE));
    /// }
    /// assert!(!signal.has_listeners(&Sender::NONE));
    /// ```
    #[must_use = "the receiver is disconnected when this is dropped"]
    pub fn scoped(self) -> ScopedConnection<'s, P, R> {
        ScopedConnection { signal: self.signal, receiver: self.receiver }
    }
}

impl<P, R> fmt::Debug for Connection<'_, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.receiver).finish()
    }
}

/// A receiver that is connected for as long as this value lives. See [`Connection::scoped`].
pub struct ScopedConnection<'s, P, R> {
    signal: &'s Signal<P, R>,
    receiver: Receiver,
}

impl<P, R> Drop for ScopedConnection<'_, P, R> {
    fn drop(&mut self) {
        self.signal.disconnect_receiver(self.receiver.id);
    }
}

impl<P, R> fmt::Debug for ScopedConnection<'_, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopedConnection").field(&self.receiver).finish()
    }
}
