//! Which receivers a signal has: a list under a lock for those who connect, a snapshot without one for those who
//! send.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::{ArcSwapOption, Guard};

use crate::receiver::{Entry, Identity};
use crate::snapshot::Snapshot;
use crate::{ConnectOptions, DispatchUid, Receiver, ReceiverInfo, Sender};

/// How many snapshots a signal may keep for as long as it lives.
const KEPT: usize = 4;
/// In the place of a kept snapshot's number: what is in force is not kept, or not made yet.
const NOT_KEPT: usize = usize::MAX - 1;
/// In the place of a kept snapshot's number: there are no receivers.
const NOBODY: usize = usize::MAX;

/// The receivers of a signal.
///
/// Sends read a snapshot, which the first send after a change makes. To take hold of something that another thread may
/// drop meanwhile costs more than a whole send to one receiver: two operations for which the processor must finish
/// everything else. So the first few snapshots are kept until the signal goes, and to look up which is in force is
/// all that a send does; most programs connect everything at their start and never need a second one. Nobody can tell
/// that outdated ones are still there, because only receivers that own nothing are in them. What cannot be kept is
/// behind an `ArcSwapOption`.
pub(crate) struct Registry<P, R> {
    // The truth. Held only to change the list or to copy it; no receiver runs, and none is dropped, under it.
    list: Mutex<List<P, R>>,
    // The number of the kept snapshot that is in force. Changes under the lock.
    in_force: AtomicUsize,
    kept: [OnceLock<Box<Snapshot<P, R>>>; KEPT],
    // In force where none of the kept is; emptied by every change.
    passing: ArcSwapOption<Snapshot<P, R>>,
}

struct List<P, R> {
    entries: Vec<Arc<Entry<P, R>>>,
    /// How many snapshots are kept.
    kept: usize,
}

impl<P, R> Registry<P, R> {
    pub(crate) const fn new() -> Self {
        Self {
            list: Mutex::new(List { entries: Vec::new(), kept: 0 }),
            in_force: AtomicUsize::new(NOBODY),
            kept: [const { OnceLock::new() }; KEPT],
            passing: ArcSwapOption::const_empty(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, List<P, R>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the list. What is not needed any more is dropped when the lock is not held any more.
    fn change<T, D>(&self, change: impl FnOnce(&mut Vec<Arc<Entry<P, R>>>) -> (T, D)) -> T {
        let mut list = self.lock();
        let entries = &mut list.entries;
        let dead: Vec<_> = entries.extract_if(.., |entry| !entry.is_alive()).collect();
        let (changed, removed) = change(entries);
        self.in_force.store(if entries.is_empty() { NOBODY } else { NOT_KEPT }, Release);
        let stale = self.passing.swap(None);
        drop(list);
        drop((dead, removed, stale));
        changed
    }

    /// Adds the entry unless its uid or its function is there for the same sender; says which one is connected.
    pub(crate) fn insert(&self, entry: Entry<P, R>) -> Receiver {
        self.change(|entries| {
            let same = |other: &Entry<P, R>| matches(other, entry.identity, entry.dispatch_uid.as_ref(), &entry.sender);
            if let Some(earlier) = entries.iter().find(|other| same(other)) {
                return (earlier.receiver, Some(entry));
            }
            let receiver = entry.receiver;
            entries.push(Arc::new(entry));
            (receiver, None)
        })
    }

    pub(crate) fn remove_where(&self, wanted: impl Fn(&Entry<P, R>) -> bool) -> bool {
        self.change(|entries| {
            let removed = entries.iter().position(|entry| wanted(entry)).map(|at| entries.remove(at));
            (removed.is_some(), removed)
        })
    }

    /// What is connected and alive, in order of connection.
    pub(crate) fn live(&self) -> Vec<ReceiverInfo> {
        self.lock().entries.iter().filter(|entry| entry.is_alive()).map(|entry| entry.info()).collect()
    }

    /// True when a send by `sender` would call somebody.
    pub(crate) fn hears(&self, sender: &Sender) -> bool {
        let held = self.hold();
        let Some(snapshot) = held.get() else { return false };
        let hears = |entry: &Arc<Entry<P, R>>| (entry.sender.is_none() || entry.sender == *sender) && entry.is_alive();
        snapshot.receivers(sender).len() > 0 && (!snapshot.has_weak || self.lock().entries.iter().any(hears))
    }

    /// Who is connected now, where a look says that.
    #[inline]
    pub(crate) fn look(&self) -> Now<'_, P, R> {
        match self.in_force.load(Acquire) {
            NOBODY => Now::Nobody,
            number => self.kept.get(number).and_then(OnceLock::get).map_or(Now::Passing, |kept| Now::Kept(kept)),
        }
    }

    /// Who is connected now.
    pub(crate) fn hold(&self) -> Held<'_, P, R> {
        match self.look() {
            Now::Nobody => Held::Nobody,
            Now::Kept(kept) => Held::Kept(kept),
            Now::Passing => self.make_or_pass(),
        }
    }

    #[inline(never)]
    fn make_or_pass(&self) -> Held<'_, P, R> {
        let passing = self.passing.load();
        if passing.is_some() {
            return Held::Passing(passing);
        }
        let mut list = self.lock();
        if self.in_force.load(Relaxed) != NOT_KEPT {
            drop(list);
            return self.hold();
        }
        let made = Snapshot::of(&list.entries);
        if let Some(free) = self.kept.get(list.kept)
            && !list.entries.iter().any(|entry| entry.owns)
        {
            let kept = free.get_or_init(|| Box::new(made));
            self.in_force.store(list.kept, Release);
            list.kept += 1;
            return Held::Kept(kept);
        }
        let made = Arc::new(made);
        let stale = self.passing.swap(Some(made.clone()));
        drop(list);
        drop(stale);
        // Not loaded again: somebody may have connected in between, and emptied it.
        Held::Passing(Guard::from_inner(Some(made)))
    }
}

/// What a look at a registry says.
pub(crate) enum Now<'s, P, R> {
    Nobody,
    Kept(&'s Snapshot<P, R>),
    /// What is in force must be held, or made.
    Passing,
}

/// What a send holds on to while it runs.
pub(crate) enum Held<'s, P, R> {
    Nobody,
    Kept(&'s Snapshot<P, R>),
    Passing(Guard<Option<Arc<Snapshot<P, R>>>>),
}

impl<P, R> Held<'_, P, R> {
    /// The receivers; `None` when nobody is connected.
    pub(crate) fn get(&self) -> Option<&Snapshot<P, R>> {
        match self {
            Held::Nobody => None,
            Held::Kept(kept) => Some(kept),
            Held::Passing(passing) => passing.as_deref(),
        }
    }
}

pub(crate) fn matches<P, R>(
    entry: &Entry<P, R>,
    identity: Identity,
    dispatch_uid: Option<&DispatchUid>,
    sender: &Sender,
) -> bool {
    entry.sender == *sender
        && match (entry.dispatch_uid.as_ref(), dispatch_uid) {
            (Some(one), Some(other)) => one == other,
            (None, None) => identity != Identity::Unique && entry.identity == identity,
            _ => false,
        }
}

/// Whether `options` alone, by their uid, name this entry.
pub(crate) fn has_uid<P, R>(entry: &Entry<P, R>, options: &ConnectOptions) -> bool {
    options.dispatch_uid.is_some() && entry.dispatch_uid == options.dispatch_uid && entry.sender == options.sender
}
