//! Sends as they were made.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use signalpost_dispatch::Sender;
use signalpost_store::Store;

use super::{TestStore, is_current};
use crate::{AsyncSignal, Signal};

/// The sends of one signal in the scope of one store, from [`TestStore::capture`] until this is dropped.
pub struct Captured<P>(Arc<Recorder<P>>);

struct Recorder<P> {
    store: Arc<dyn Store>,
    signal: &'static str,
    // What needs `P: Clone` is kept here, so that a signal need not.
    clone: fn(&P) -> P,
    sends: Mutex<Vec<(Sender, P)>>,
}

impl<P> Recorder<P> {
    fn sends(&self) -> MutexGuard<'_, Vec<(Sender, P)>> {
        self.sends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Captured<P> {
    /// How many sends there were.
    pub fn len(&self) -> usize {
        self.0.sends().len()
    }

    /// True when there was none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was sent, in order.
    pub fn payloads(&self) -> Vec<P> {
        self.0.sends().iter().map(|(_, payload)| (self.0.clone)(payload)).collect()
    }

    /// Who sent, in order.
    pub fn senders(&self) -> Vec<Sender> {
        self.0.sends().iter().map(|(sender, _)| sender.clone()).collect()
    }

    /// That the signal was sent exactly once; returns the payload.
    ///
    /// # Panics
    ///
    /// Otherwise, with what was sent.
    #[track_caller]
    pub fn assert_once(&self) -> P
    where
        P: fmt::Debug,
    {
        let mut payloads = self.payloads();
        assert!(payloads.len() == 1, "{}", self.told(" instead of once"));
        payloads.remove(0)
    }

    /// That the signal was not sent.
    ///
    /// # Panics
    ///
    /// Otherwise, with what was sent.
    #[track_caller]
    pub fn assert_never(&self)
    where
        P: fmt::Debug,
    {
        assert!(self.is_empty(), "{}", self.told(" instead of never"));
    }

    fn told(&self, instead: &str) -> String
    where
        P: fmt::Debug,
    {
        let sends = self.0.sends();
        let times = if sends.len() == 1 { "once".to_owned() } else { format!("{} times", sends.len()) };
        let lines = sends.iter().map(|(sender, payload)| format!("\n  by {sender:?}: {payload:?}"));
        let hint = if sends.is_empty() { "\n  hint: what is sent outside `store.scope(…)` is not seen" } else { "" };
        format!("signal `{}` was sent {times}{instead}{}{hint}", self.0.signal, String::from_iter(lines))
    }
}

impl<P: fmt::Debug> fmt::Debug for Captured<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(""))
    }
}

trait Record<P>: Send + Sync {
    fn record(&self, sender: &Sender, payload: &P);
}

impl<P: Send> Record<P> for Recorder<P> {
    fn record(&self, sender: &Sender, payload: &P) {
        if is_current(&self.store) {
            let payload = (self.clone)(payload);
            self.sends().push((sender.clone(), payload));
        }
    }
}

/// Who records the sends of a signal.
pub struct Captures<P>(Mutex<Vec<Weak<dyn Record<P>>>>);

impl<P> Captures<P> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live().is_empty()
    }

    pub(crate) fn record(&self, sender: &Sender, payload: &P) {
        for recorder in self.live() {
            recorder.record(sender, payload);
        }
    }

    // Copied: a payload's `clone` is the user's code.
    fn live(&self) -> Vec<Arc<dyn Record<P>>> {
        self.lock().iter().filter_map(Weak::upgrade).collect()
    }

    fn add(&self, recorder: Weak<dyn Record<P>>) {
        let mut recorders = self.lock();
        recorders.retain(|other| other.strong_count() > 0);
        recorders.push(recorder);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<dyn Record<P>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A signal whose sends can be captured: [`Signal`] and [`AsyncSignal`]. Not for implementing outside this crate.
pub trait Capture {
    /// What it sends.
    type Payload;

    #[doc(hidden)]
    fn captures(&self) -> (&'static str, &Captures<Self::Payload>);
}

impl<P, R> Capture for Signal<P, R> {
    type Payload = P;

    fn captures(&self) -> (&'static str, &Captures<P>) {
        (self.name(), &self.captures)
    }
}

impl<P> Capture for AsyncSignal<P> {
    type Payload = P;

    fn captures(&self) -> (&'static str, &Captures<P>) {
        (self.name(), &self.captures)
    }
}

impl TestStore {
    /// Records every send of the signal in this store's scope, and in receivers that run for it, until what is returned
    /// is dropped. Sends in other tests' scopes are not seen.
    ///
    /// A send is recorded when it begins, before its inline receivers run, so it is there whether they raise or not, and
    /// whether anybody listens or not. One whose payload is refused is not.
    ///
    /// ```
    /// # use signalpost::{BoxError, Sender};
    /// use signalpost::{AsyncSignal, Signal, testing::TestStore};
    ///
    /// static PAID: Signal<u32> = Signal::new("doc.capture.paid");
    ///
    /// # fn main() -> Result<(), BoxError> {
    /// let store = TestStore::new();
    /// let sent = store.capture(&PAID);
    /// store.scope_blocking(|| PAID.send("till 3", &1250))?;
    /// PAID.send(Sender::NONE, &99)?; // elsewhere
    ///
    /// assert_eq!(sent.assert_once(), 1250);
    /// assert_eq!(sent.senders(), ["till 3".into()]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "nothing is recorded after it was dropped"]
    pub fn capture<S: Capture<Payload: Clone + Send + 'static>>(&self, signal: &S) -> Captured<S::Payload> {
        let (signal, captures) = signal.captures();
        let sends = Mutex::new(Vec::new());
        let recorder = Arc::new(Recorder { store: self.store(), signal, clone: S::Payload::clone, sends });
        let weak: Weak<Recorder<S::Payload>> = Arc::downgrade(&recorder);
        captures.add(weak);
        Captured(recorder)
    }
}
