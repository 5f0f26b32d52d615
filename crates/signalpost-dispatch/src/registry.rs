//! Which receivers a signal has: a list under a lock for those who connect, a snapshot without one for those who
//! send.

use std::collections::HashMap;
use std::iter::Peekable;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwapOption, Guard};

use crate::receiver::{Call, Entry, Identity};
use crate::sender::SenderKey;
use crate::{ConnectOptions, DispatchUid, Receiver, Sender};

pub(crate) struct Registry<P, R> {
    // The truth. Held only to change the list or to copy it; no receiver runs, and none is dropped, under it.
    entries: Mutex<Vec<Arc<Entry<P, R>>>>,
    // What sends read; emptied by every change and made again by the next send.
    snapshot: ArcSwapOption<Snapshot<P, R>>,
}

impl<P, R> Registry<P, R> {
    pub(crate) const fn new() -> Self {
        Self { entries: Mutex::new(Vec::new()), snapshot: ArcSwapOption::const_empty() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Entry<P, R>>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the entry unless its uid or its function is there for the same sender; says which one is connected.
    pub(crate) fn insert(&self, entry: Entry<P, R>) -> Receiver {
        let mut entries = self.lock();
        let dead = take_dead(&mut entries);
        let earlier = entries
            .iter()
            .find(|other| matches(other, entry.identity, entry.dispatch_uid.as_ref(), &entry.sender))
            .map(|other| other.receiver);
        let receiver = earlier.unwrap_or(entry.receiver);
        if earlier.is_none() {
            entries.push(Arc::new(entry));
        }
        let stale = self.snapshot.swap(None);
        drop(entries);
        drop((dead, stale));
        receiver
    }

    pub(crate) fn remove_where(&self, wanted: impl Fn(&Entry<P, R>) -> bool) -> bool {
        let mut entries = self.lock();
        let dead = take_dead(&mut entries);
        let removed = entries.iter().position(|entry| wanted(entry)).map(|at| entries.remove(at));
        let stale = self.snapshot.swap(None);
        drop(entries);
        let found = removed.is_some();
        drop((dead, removed, stale));
        found
    }

    /// The entries whose objects are alive, in order of connection.
    pub(crate) fn live(&self) -> Vec<Arc<Entry<P, R>>> {
        self.lock().iter().filter(|entry| entry.is_alive()).cloned().collect()
    }

    pub(crate) fn snapshot(&self) -> Guard<Option<Arc<Snapshot<P, R>>>> {
        let snapshot = self.snapshot.load();
        if snapshot.is_some() {
            return snapshot;
        }
        let entries = self.lock();
        let made = Arc::new(Snapshot::of(&entries));
        let stale = self.snapshot.swap(Some(made.clone()));
        drop(entries);
        drop(stale);
        // Not loaded again: somebody may have connected in between, and emptied it.
        Guard::from_inner(Some(made))
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

fn take_dead<P, R>(entries: &mut Vec<Arc<Entry<P, R>>>) -> Vec<Arc<Entry<P, R>>> {
    entries.extract_if(.., |entry| !entry.is_alive()).collect()
}

/// The receivers at one moment, sorted for sending.
pub(crate) struct Snapshot<P, R> {
    any: Plan<P, R>,
    by_sender: HashMap<SenderKey, Plan<P, R>>,
}

/// An entry and its place in the order of connection, which merges the receivers of any sender with those of one.
type Placed<P, R> = (usize, Arc<Entry<P, R>>);

/// Receivers in order of connection, the synchronous apart from the asynchronous.
struct Plan<P, R> {
    sync: Vec<Placed<P, R>>,
    asynchronous: Vec<Placed<P, R>>,
}

impl<P, R> Plan<P, R> {
    const fn new() -> Self {
        Self { sync: Vec::new(), asynchronous: Vec::new() }
    }
}

impl<P, R> Snapshot<P, R> {
    fn of(entries: &[Arc<Entry<P, R>>]) -> Self {
        let mut snapshot = Self { any: Plan::new(), by_sender: HashMap::new() };
        for (place, entry) in entries.iter().enumerate() {
            let plan = match entry.sender.key() {
                None => &mut snapshot.any,
                Some(key) => snapshot.by_sender.entry(key).or_insert_with(Plan::new),
            };
            let group = match entry.call {
                Call::Sync(_) => &mut plan.sync,
                Call::Async(_) => &mut plan.asynchronous,
            };
            group.push((place, entry.clone()));
        }
        snapshot
    }

    /// Synchronous and asynchronous receivers of `sender`, each in order of connection.
    pub(crate) fn receivers<'s>(
        &'s self,
        sender: &Sender,
        filter: Option<fn(Receiver) -> bool>,
    ) -> (Merged<'s, P, R>, Merged<'s, P, R>) {
        let own = match sender.key() {
            Some(key) if !self.by_sender.is_empty() => self.by_sender.get(&key),
            _ => None,
        };
        let (own_sync, own_async) = own.map_or((&[][..], &[][..]), |own| (&own.sync, &own.asynchronous));
        (Merged::new(&self.any.sync, own_sync, filter), Merged::new(&self.any.asynchronous, own_async, filter))
    }
}

/// Two lists in order of connection, read as one.
pub(crate) struct Merged<'s, P, R> {
    any: Peekable<slice::Iter<'s, Placed<P, R>>>,
    own: Peekable<slice::Iter<'s, Placed<P, R>>>,
    filter: Option<fn(Receiver) -> bool>,
}

impl<'s, P, R> Merged<'s, P, R> {
    fn new(any: &'s [Placed<P, R>], own: &'s [Placed<P, R>], filter: Option<fn(Receiver) -> bool>) -> Self {
        Self { any: any.iter().peekable(), own: own.iter().peekable(), filter }
    }

    fn passes(&self, (_, entry): &Placed<P, R>) -> bool {
        self.filter.is_none_or(|filter| filter(entry.receiver))
    }
}

impl<'s, P, R> Iterator for Merged<'s, P, R> {
    type Item = &'s Entry<P, R>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let next = match (self.any.peek(), self.own.peek()) {
                (Some((any, _)), Some((own, _))) if own < any => self.own.next(),
                (None, _) => self.own.next(),
                _ => self.any.next(),
            };
            let next = next?;
            if self.passes(next) {
                return Some(&next.1);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let length = match self.filter {
            None => self.any.len() + self.own.len(),
            Some(_) => self.any.clone().chain(self.own.clone()).filter(|placed| self.passes(placed)).count(),
        };
        (length, Some(length))
    }
}

impl<P, R> ExactSizeIterator for Merged<'_, P, R> {}
