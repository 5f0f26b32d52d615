//! What the pool and the executors both see.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Counters of a pool, and who is told when they grow.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) next_run: AtomicU64,
    pub(crate) wants_finished: AtomicBool,
    /// How many runs of each store the pool holds.
    pub(crate) in_pool: Vec<AtomicUsize>,
    capacity: AtomicUsize,
    ready: AtomicUsize,
    /// That of each store.
    workers: Mutex<BTreeMap<usize, Arc<Notify>>>,
}

impl Shared {
    pub(crate) fn new(stores: usize) -> Self {
        Self {
            next_run: AtomicU64::new(1),
            wants_finished: AtomicBool::new(false),
            in_pool: (0..stores).map(|_| AtomicUsize::new(0)).collect(),
            capacity: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            workers: Mutex::default(),
        }
    }

    /// How many runs of this store the children can take, those that they have included: what the other stores leave, and an
    /// equal part at least, so that none of them starves.
    pub(crate) fn capacity(&self, store: usize) -> usize {
        let whole = self.capacity.load(SeqCst);
        let of_others = self.in_pool.iter().enumerate().filter(|(other, _)| *other != store);
        let taken: usize = of_others.map(|(_, runs)| runs.load(SeqCst)).sum();
        let part = whole.div_ceil(self.in_pool.len().max(1));
        whole.saturating_sub(taken).max(part)
    }

    /// How many children are ready.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(SeqCst)
    }

    pub(super) fn set_ready(&self, children: usize) {
        self.ready.store(children, SeqCst);
    }

    /// The store's `worker` is told when there is more capacity for it.
    pub(crate) fn set_worker(&self, store: usize, worker: Arc<Notify>) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).insert(store, worker);
    }

    /// A run of this store has ended: another store may take its place.
    pub(crate) fn release(&self, store: usize) {
        self.in_pool[store].fetch_sub(1, SeqCst);
        if self.in_pool.len() > 1 {
            let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            workers.iter().filter(|(other, _)| **other != store).for_each(|(_, worker)| worker.notify_one());
        }
    }

    pub(super) fn set_capacity(&self, capacity: usize) {
        let before = self.capacity.swap(capacity, SeqCst);
        if before < capacity {
            let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            workers.values().for_each(|worker| worker.notify_one());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_what_the_others_leave_and_an_equal_part_at_least() {
        let shared = Shared::new(2);
        assert_eq!(shared.capacity(0), 0);
        shared.set_capacity(10);
        assert_eq!((shared.capacity(0), shared.capacity(1)), (10, 10));
        shared.in_pool[0].store(3, SeqCst);
        assert_eq!((shared.capacity(0), shared.capacity(1)), (10, 7));
        shared.in_pool[0].store(10, SeqCst);
        assert_eq!(shared.capacity(1), 5);
    }
    #[tokio::test]
    async fn when_a_run_of_one_store_has_ended_the_others_look_again() {
        let shared = Shared::new(2);
        let workers: [Arc<Notify>; 2] = Default::default();
        workers.iter().enumerate().for_each(|(store, worker)| shared.set_worker(store, worker.clone()));
        shared.in_pool[0].store(1, SeqCst);
        shared.release(0);
        workers[1].notified().await;
        assert_eq!(shared.in_pool[0].load(SeqCst), 0);
        // Not its own, which hears of the end by itself.
        assert!(!std::pin::pin!(workers[0].notified()).enable());
    }
}
