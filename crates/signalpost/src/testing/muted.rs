//! Receivers that are left out.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use signalpost_dispatch::Receiver;
use signalpost_store::Store;

use super::{TestStore, is_named, is_same};
use crate::install;

/// A receiver that is left out in the scope of one store, until this is dropped: see [`TestStore::mute`].
#[must_use = "the receiver is left out until this is dropped"]
pub struct Muted(Arc<Mute>);

struct Mute {
    store: Arc<dyn Store>,
    receiver: String,
}

static MUTES: RwLock<Vec<Arc<Mute>>> = RwLock::new(Vec::new());

fn mutes() -> RwLockReadGuard<'static, Vec<Arc<Mute>>> {
    MUTES.read().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Muted {
    fn drop(&mut self) {
        let mut mutes = MUTES.write().unwrap_or_else(PoisonError::into_inner);
        mutes.retain(|mute| !Arc::ptr_eq(mute, &self.0));
    }
}

impl fmt::Debug for Muted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Muted").field(&self.0.receiver).finish()
    }
}

/// Whether the receiver is left out for this store.
pub(crate) fn is_muted_for(store: Option<&Arc<dyn Store>>, receiver: &str) -> bool {
    let is_meant =
        |mute: &Arc<Mute>| is_named(receiver, &mute.receiver) && store.is_some_and(|store| is_same(store, &mute.store));
    mutes().iter().any(is_meant)
}

/// Whether the receiver is left out of what is sent here.
pub(crate) fn is_muted(receiver: &str) -> bool {
    !mutes().is_empty() && is_muted_for(install::current().as_ref(), receiver)
}

/// What inline receivers of a send have to pass; `None` where nobody is left out.
pub(crate) fn filter() -> Option<fn(Receiver) -> bool> {
    if mutes().is_empty() { None } else { Some(|receiver| !is_muted(receiver.name())) }
}

impl TestStore {
    /// Leaves a receiver out in this store's scope, until what is returned is dropped: an inline one is not called, for a
    /// background one no task is written. Other tests' scopes are not concerned.
    ///
    /// It is named by its name, or by the last parts of its path; all receivers of the name are left out, and a name that
    /// nobody has leaves nobody out. Tasks that wait already are run. Of a background signal, whose send is one task,
    /// a receiver is left out when the task runs.
    ///
    /// ```
    /// use signalpost::testing::TestStore;
    /// use signalpost::{Event, Sender, Signal};
    ///
    /// static PAID: Signal<u32> = Signal::new("doc.mute.paid");
    ///
    /// fn open_till(_: &Event<u32>) {
    ///     panic!("there is no till");
    /// }
    ///
    /// # fn main() -> Result<(), signalpost::BoxError> {
    /// # PAID.connect(open_till);
    /// let store = TestStore::new();
    /// let _muted = store.mute("open_till");
    /// assert!(store.scope_blocking(|| PAID.send(Sender::NONE, &1250))?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn mute(&self, receiver: &str) -> Muted {
        let mute = Arc::new(Mute { store: self.store(), receiver: receiver.to_owned() });
        MUTES.write().unwrap_or_else(PoisonError::into_inner).push(mute.clone());
        Muted(mute)
    }
}
