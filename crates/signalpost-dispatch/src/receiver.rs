//! What is connected to a signal.

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{BoxError, DispatchUid, Event, Sender};

/// What a receiver may return for a signal whose responses are `R`: an `R`, or a `Result` of one.
///
/// ```
/// use signalpost_dispatch::{Event, Signal};
///
/// let signal: Signal<u32, u32> = Signal::new("doc.outputs");
/// signal.connect(|event: &Event<u32>| event.payload + 1);
/// signal.connect(|event: &Event<u32>| event.payload.checked_sub(1).ok_or("below zero"));
/// ```
#[diagnostic::on_unimplemented(
    message = "a receiver of this signal cannot return `{Self}`",
    note = "a receiver returns the signal's response type `{R}`, or `Result<{R}, E>` where `E` is an error"
)]
pub trait ReceiverOutput<R> {
    /// The response, or the error that the receiver raised.
    fn into_result(self) -> Result<R, BoxError>;
}

impl<R> ReceiverOutput<R> for R {
    fn into_result(self) -> Result<R, BoxError> {
        Ok(self)
    }
}

impl<R, E: Into<BoxError>> ReceiverOutput<R> for Result<R, E> {
    fn into_result(self) -> Result<R, BoxError> {
        self.map_err(Into::into)
    }
}

/// An asynchronous receiver: an `async fn` of one event, or a closure that returns a future.
///
/// ```
/// use signalpost_dispatch::{Event, Signal};
///
/// async fn notify(event: &Event<'_, String>) {
///     println!("{}", event.payload);
/// }
///
/// let signal: Signal<String> = Signal::new("doc.async");
/// signal.connect_async(notify);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an asynchronous receiver of this signal",
    note = "it must be an `async fn(&Event<'_, P>)`, and its future must be `Send`"
)]
pub trait AsyncReceiver<'a, P: 'a, R>: Fn(&'a Event<'a, P>) -> Self::Future {
    /// The receiver's future.
    type Future: Future<Output: ReceiverOutput<R>> + Send + 'a;
}

impl<'a, P: 'a, R, F, Fut> AsyncReceiver<'a, P, R> for F
where
    F: Fn(&'a Event<'a, P>) -> Fut,
    Fut: Future<Output: ReceiverOutput<R>> + Send + 'a,
{
    type Future = Fut;
}

/// An asynchronous method that receives on behalf of an object: `async fn(&T, &Event<'_, P>)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an asynchronous method that receives this signal",
    note = "it must be an `async fn(&T, &Event<'_, P>)`, and its future must be `Send`"
)]
pub trait AsyncMethod<'a, T: 'a, P: 'a, R>: Fn(&'a T, &'a Event<'a, P>) -> Self::Future {
    /// The method's future.
    type Future: Future<Output: ReceiverOutput<R>> + Send + 'a;
}

impl<'a, T: 'a, P: 'a, R, F, Fut> AsyncMethod<'a, T, P, R> for F
where
    F: Fn(&'a T, &'a Event<'a, P>) -> Fut,
    Fut: Future<Output: ReceiverOutput<R>> + Send + 'a,
{
    type Future = Fut;
}

/// Names one connection of a receiver to a signal. Ids are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiverId(u64);

impl ReceiverId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

/// The receiver that a response or an error belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receiver {
    pub(crate) id: ReceiverId,
    pub(crate) name: &'static str,
    pub(crate) location: &'static Location<'static>,
}

impl Receiver {
    /// A receiver of a layer above this crate, which calls it by itself. Every call makes a new id.
    pub fn new(name: &'static str, location: &'static Location<'static>) -> Self {
        Self { id: ReceiverId::next(), name, location }
    }

    /// Which connection it is.
    pub fn id(&self) -> ReceiverId {
        self.id
    }

    /// The name given when it was connected; otherwise the path of the function's type.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where in the source it was connected.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.name, self.location)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Everything that can be said of a connected receiver.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReceiverInfo {
    /// Its id, name and source location.
    pub receiver: Receiver,
    /// The sender it is limited to; [`Sender::NONE`] for any.
    pub sender: Sender,
    /// True when it is asynchronous.
    pub is_async: bool,
    /// True when it vanishes with its object.
    pub is_weak: bool,
    /// The `dispatch_uid` it was connected with.
    pub dispatch_uid: Option<DispatchUid>,
}

pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
pub(crate) type SyncCall<P, R> = dyn for<'a> Fn(&Event<'a, P>) -> Turn<R> + Send + Sync;
pub(crate) type AsyncCall<P, R> = dyn for<'a> Fn(&'a Event<'a, P>) -> BoxFuture<'a, Turn<R>> + Send + Sync;

/// What a receiver's turn gave. One tag says all; in an `Option<Result<_, _>>` there are two to be written and read.
pub(crate) enum Turn<R> {
    Responded(R),
    Raised(BoxError),
    /// The object that the receiver belongs to is gone.
    Gone,
}

impl<R> Turn<R> {
    #[inline]
    pub(crate) fn of(output: impl ReceiverOutput<R>) -> Self {
        output.into_result().map_or_else(Turn::Raised, Turn::Responded)
    }
}

pub(crate) enum Call<P, R> {
    Sync(Arc<SyncCall<P, R>>),
    Async(Arc<AsyncCall<P, R>>),
}

/// What makes two receivers the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A type without data has one value: the type says which function it is.
    Function(TypeId),
    Method {
        object: usize,
        function: TypeId,
    },
    /// Data captured: not comparable.
    Unique,
}

impl Identity {
    pub(crate) fn of<F: 'static>(_receiver: &F) -> Self {
        if size_of::<F>() == 0 { Identity::Function(TypeId::of::<F>()) } else { Identity::Unique }
    }

    pub(crate) fn of_method<T, F: 'static>(object: &Arc<T>, method: &F) -> Self {
        match Identity::of(method) {
            Identity::Function(function) => {
                Identity::Method { object: Arc::as_ptr(object).cast::<()>() as usize, function }
            }
            other => other,
        }
    }
}

/// One row of a signal's registry.
pub(crate) struct Entry<P, R> {
    pub(crate) receiver: Receiver,
    pub(crate) identity: Identity,
    pub(crate) sender: Sender,
    pub(crate) dispatch_uid: Option<DispatchUid>,
    /// Present for weak receivers: false once the object is gone.
    pub(crate) alive: Option<Box<dyn Fn() -> bool + Send + Sync>>,
    pub(crate) call: Call<P, R>,
    /// The call holds something that somebody may wait to see dropped.
    pub(crate) owns: bool,
}

impl<P, R> Entry<P, R> {
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.as_ref().is_none_or(|alive| alive())
    }

    pub(crate) fn info(&self) -> ReceiverInfo {
        ReceiverInfo {
            receiver: self.receiver,
            sender: self.sender.clone(),
            is_async: matches!(self.call, Call::Async(_)),
            is_weak: self.alive.is_some(),
            dispatch_uid: self.dispatch_uid.clone(),
        }
    }
}
