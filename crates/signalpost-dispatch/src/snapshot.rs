//! The receivers of a signal at one moment, sorted for sending.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, OnceLock};

use crate::receiver::{AsyncCall, Call, Entry, SyncCall};
use crate::sender::SenderKey;
use crate::{Event, Receiver, Sender};

pub(crate) struct Snapshot<P, R> {
    any: Plan<P, R>,
    by_label: HashMap<Cow<'static, str>, Own<P, R>, BuildHasherDefault<LabelHasher>>,
    by_object: HashMap<usize, Own<P, R>>,
    /// Some of the receivers are limited to a sender.
    is_by_sender: bool,
    /// Some of the receivers may be gone without a change.
    pub(crate) has_weak: bool,
}

/// Receivers in order of connection, the synchronous apart from the asynchronous.
pub(crate) struct Plan<P, R> {
    pub(crate) sync: Vec<Placed<SyncCall<P, R>>>,
    pub(crate) asynchronous: Vec<Placed<AsyncCall<P, R>>>,
}

/// What a send needs of a receiver. Nothing in it but the call can own anything that somebody waits to see dropped.
pub(crate) struct Placed<C: ?Sized> {
    /// In the order of connection.
    place: usize,
    pub(crate) receiver: Receiver,
    pub(crate) call: Arc<C>,
}

/// The receivers that are limited to one sender.
struct Own<P, R> {
    plan: Plan<P, R>,
    /// Together with those of any sender; made by the sender's first send.
    merged: OnceLock<Plan<P, R>>,
}

impl<P, R> Snapshot<P, R> {
    pub(crate) fn of(entries: &[Arc<Entry<P, R>>]) -> Self {
        let mut snapshot = Self {
            any: Plan::default(),
            by_label: HashMap::default(),
            by_object: HashMap::new(),
            is_by_sender: entries.iter().any(|entry| !entry.sender.is_none()),
            has_weak: entries.iter().any(|entry| entry.alive.is_some()),
        };
        for (place, entry) in entries.iter().enumerate() {
            let plan = match entry.sender.key() {
                SenderKey::None => &mut snapshot.any,
                SenderKey::Label(label) => &mut snapshot.by_label.entry(label.clone()).or_default().plan,
                SenderKey::Object(address) => &mut snapshot.by_object.entry(address).or_default().plan,
            };
            let receiver = entry.receiver;
            match &entry.call {
                Call::Sync(call) => plan.sync.push(Placed { place, receiver, call: call.clone() }),
                Call::Async(call) => plan.asynchronous.push(Placed { place, receiver, call: call.clone() }),
            }
        }
        snapshot
    }

    /// Who is called when `sender` sends.
    #[inline]
    pub(crate) fn receivers(&self, sender: &Sender) -> &Plan<P, R> {
        if self.is_by_sender { self.receivers_of(sender) } else { &self.any }
    }

    /// Who is called for `event`.
    pub(crate) fn receivers_for(&self, event: &Event<'_, P>) -> Cow<'_, Plan<P, R>> {
        let plan = self.receivers(event.sender);
        match event.filter {
            None => Cow::Borrowed(plan),
            Some(filter) => Cow::Owned(plan.passing(filter)),
        }
    }

    fn receivers_of(&self, sender: &Sender) -> &Plan<P, R> {
        let own = match sender.key() {
            SenderKey::None => None,
            SenderKey::Label(label) => self.by_label.get(label),
            SenderKey::Object(address) => self.by_object.get(&address),
        };
        match own {
            None => &self.any,
            Some(own) if self.any.len() == 0 => &own.plan,
            Some(own) => own.merged.get_or_init(|| Plan::merged(&self.any, &own.plan)),
        }
    }
}

impl<P, R> Plan<P, R> {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.sync.len() + self.asynchronous.len()
    }

    fn passing(&self, filter: fn(Receiver) -> bool) -> Self {
        let mut passing = self.clone();
        passing.sync.retain(|placed| filter(placed.receiver));
        passing.asynchronous.retain(|placed| filter(placed.receiver));
        passing
    }

    fn merged(any: &Self, own: &Self) -> Self {
        Self { sync: merged(&any.sync, &own.sync), asynchronous: merged(&any.asynchronous, &own.asynchronous) }
    }
}

fn merged<C: ?Sized>(any: &[Placed<C>], own: &[Placed<C>]) -> Vec<Placed<C>> {
    let mut both: Vec<_> = any.iter().chain(own).cloned().collect();
    both.sort_by_key(|placed| placed.place);
    both
}

impl<C: ?Sized> Clone for Placed<C> {
    fn clone(&self) -> Self {
        Self { place: self.place, receiver: self.receiver, call: self.call.clone() }
    }
}

impl<P, R> Clone for Plan<P, R> {
    fn clone(&self) -> Self {
        Self { sync: self.sync.clone(), asynchronous: self.asynchronous.clone() }
    }
}

impl<P, R> Default for Plan<P, R> {
    fn default() -> Self {
        Self { sync: Vec::new(), asynchronous: Vec::new() }
    }
}

impl<P, R> Default for Own<P, R> {
    fn default() -> Self {
        Self { plan: Plan::default(), merged: OnceLock::new() }
    }
}

/// Hashes labels, a word at a time. They are written in programs: nobody chooses them so that they collide.
#[derive(Default)]
struct LabelHasher(u64);

impl LabelHasher {
    #[inline]
    fn add(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x243f_6a88_85a3_08d3) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for LabelHasher {
    #[inline]
    fn write(&mut self, text: &[u8]) {
        self.0 ^= text.len() as u64;
        let (words, rest) = text.as_chunks();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        match text.last_chunk() {
            // Overlaps with the word before, which is quicker than to copy as much as is left.
            Some(last) if !rest.is_empty() => self.add(u64::from_le_bytes(*last)),
            Some(_) => {}
            None => self.add(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))),
        }
    }

    /// The mark that ends a text; its length is in the hash already.
    #[inline]
    fn write_u8(&mut self, _: u8) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
