//! Keeps the lease, takes up what the dead have left, and prunes the history: everything that must go on whatever
//! the receivers do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use signalpost_store::{
    EndState, PruneRequest, PrunedQueues, Registered, Renewal, RescueRequest, Rescued, Store, StoreError, WorkerId,
};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep_until};

use crate::happening::Happening;
use crate::trouble::Trouble;
use crate::{Executor, Health, Queue, WorkerOptions};

/// How often the history is pruned at most and at least. In between it is a quarter of the shortest time that anything is
/// kept, so that no more than this is there beyond it.
const PRUNE_EVERY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
const PRUNE_AT_ONCE: usize = 500;
/// The dead are looked for in between.
const PRUNE_FOR: Duration = Duration::from_millis(200);
const PUBLISH_EVERY: Duration = Duration::from_secs(3600);
const PUBLISH_AGAIN: Duration = Duration::from_secs(60);

/// The lease as both the keeper and the driver see it.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) worker: WorkerId,
    /// Until when this worker may believe that it holds the lease, by its own clock: before the store's is over.
    pub(crate) trusted_until: Instant,
}

#[derive(Debug, Clone)]
pub(crate) struct SharedLease(Arc<Mutex<Lease>>);

impl SharedLease {
    pub(crate) fn new(lease: Lease) -> Self {
        Self(Arc::new(Mutex::new(lease)))
    }

    pub(crate) fn get(&self) -> Lease {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, lease: Lease) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lease;
    }
}

/// Registers a worker that starts.
pub(crate) async fn register(store: &dyn Store, options: &WorkerOptions) -> Result<Lease, StoreError> {
    let (lease, death_is_visible) = take_lease(store, options).await?;
    let queues: Vec<&str> = options.queues.iter().map(Queue::name).collect();
    tracing::info!(target: "signalpost::worker", worker = %lease.worker, death_is_visible, ?queues, "worker registered");
    Ok(lease)
}

/// The trust begins before the store was asked: its lease begins later.
async fn take_lease(store: &dyn Store, options: &WorkerOptions) -> Result<(Lease, bool), StoreError> {
    let trusted_until = Instant::now() + trust(options.lease);
    let Registered { id, death_is_visible } = store.register(granted(options.lease)).await?;
    Ok((Lease { worker: id, trusted_until }, death_is_visible))
}

/// What the store is asked for. The worker is to get over a store that is away for one lease, and was last heard of up to
/// a third of a lease before that.
fn granted(lease: Duration) -> Duration {
    lease + lease / 2
}

/// A tenth of the lease is left for what is under way when the trust ends.
fn trust(lease: Duration) -> Duration {
    granted(lease) - lease / 10
}

pub(crate) struct Keeper {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) options: WorkerOptions,
    pub(crate) lease: SharedLease,
    pub(crate) happenings: UnboundedSender<Happening>,
    /// Told when somebody else has found out that the lease is gone.
    pub(crate) renew_now: Arc<Notify>,
    pub(crate) trouble: Trouble,
    pub(crate) health: Health,
}

impl Keeper {
    /// Two loops beside each other, so that no chore holds up a renewal.
    pub(crate) async fn keep(self) {
        // Whoever has just started cannot know who is late and who is dead.
        let patient_until = Mutex::new(Instant::now() + self.options.lease);
        tokio::join!(self.keep_lease(&patient_until), self.do_chores(&patient_until));
    }

    async fn keep_lease(&self, patient_until: &Mutex<Instant>) {
        let every = self.options.lease / 3;
        let (mut renew_at, mut is_gone) = (Instant::now() + every, false);
        loop {
            tokio::select! {
                () = sleep_until(renew_at) => {}
                () = self.renew_now.notified() => {}
            }
            let now = Instant::now();
            renew_at = match self.renew(patient_until, &mut is_gone).await {
                Ok(()) => now + every,
                Err(error) => {
                    if let Some(untold) = self.trouble.note() {
                        tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), untold, "cannot renew the lease");
                    }
                    now + (self.options.lease / 10).min(Duration::from_secs(1))
                }
            };
        }
    }

    async fn do_chores(&self, patient_until: &Mutex<Instant>) {
        let began = Instant::now();
        let prune_every = self.prune_every();
        let (mut sweep_at, mut prune_at, mut publish_at) = (began, began + prune_every, began);
        loop {
            let now = Instant::now();
            if sweep_at <= now {
                sweep_at = now + self.options.sweep;
                let is_patient = now < *patient_until.lock().unwrap_or_else(PoisonError::into_inner);
                self.sweep(!is_patient).await;
            }
            if publish_at <= now {
                publish_at = now + PUBLISH_EVERY;
                if let Err(error) = self.store.publish_receivers(&self.executor.receivers()).await {
                    if let Some(untold) = self.trouble.note() {
                        tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), untold, "cannot publish the receivers");
                    }
                    publish_at = now + PUBLISH_AGAIN;
                }
            }
            if prune_at <= now {
                let is_done = self.prune().await;
                prune_at = now + if is_done { prune_every } else { self.options.sweep };
            }
            sleep_until(sweep_at.min(prune_at).min(publish_at)).await;
        }
    }

    /// Once the lease `is_gone`, another one is taken, however often that has to be tried.
    async fn renew(&self, patient_until: &Mutex<Instant>, is_gone: &mut bool) -> Result<(), StoreError> {
        let worker = self.lease.get().worker;
        let trusted_until = Instant::now() + trust(self.options.lease);
        if !*is_gone {
            let renewed = self.store.renew_if_leased(&worker, granted(self.options.lease)).await?;
            if renewed != Renewal::Kept {
                *patient_until.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + self.options.lease;
            }
            if renewed == Renewal::Revived {
                tracing::warn!(target: "signalpost::worker", %worker, "the lease had expired and is renewed");
            }
            if renewed != Renewal::Gone {
                self.lease.set(Lease { worker, trusted_until });
                let _ = self.happenings.send(Happening::LeaseRenewed);
                return Ok(());
            }
            // Nothing is started under the old lease any more, whether or not there will be a new one at once.
            self.lease.set(Lease { worker: worker.clone(), trusted_until: Instant::now() });
            let _ = self.happenings.send(Happening::LeaseLost);
            *is_gone = true;
        }
        let (lease, _) = take_lease(&*self.store, &self.options).await?;
        tracing::warn!(
            target: "signalpost::worker", worker = %lease.worker, was = %worker,
            "the lease was lost: others have taken up the tasks; registered anew"
        );
        self.lease.set(lease);
        *is_gone = false;
        let _ = self.happenings.send(Happening::LeaseRenewed);
        Ok(())
    }

    async fn sweep(&self, expired_leases: bool) {
        let request = RescueRequest {
            rescuer: self.lease.get().worker,
            expired_leases,
            max_deaths_alone: self.options.max_deaths_alone,
        };
        let rescued = self.store.rescue(&request).await;
        // Who waits in vain for a lock has been answered.
        self.health.hear_of_store(rescued.as_ref().err().is_none_or(StoreError::is_locked));
        match rescued {
            Ok(rescued) => {
                for one in &rescued {
                    for task in &one.dead {
                        tracing::error!(target: "signalpost::worker", %task, worker = %one.worker, "dead");
                    }
                }
                if rescued.iter().any(|one| !one.waiting.is_empty()) {
                    let _ = self.happenings.send(Happening::Rescued);
                }
                if !rescued.is_empty() {
                    let count = |tasks: fn(&Rescued) -> usize| rescued.iter().map(tasks).sum::<usize>();
                    let workers: Vec<_> =
                        rescued.iter().map(|one| format!("{}: {:?}", one.worker, one.cause)).collect();
                    tracing::warn!(
                        target: "signalpost::worker", ?workers, waiting = count(|one| one.waiting.len()),
                        dead = count(|one| one.dead.len()), "took up the tasks of other workers"
                    );
                }
            }
            Err(error) => {
                if let Some(untold) = self.trouble.note() {
                    tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), untold, "cannot look for dead workers");
                }
            }
        }
    }

    fn prune_every(&self) -> Duration {
        let shortest = self.prune_requests().iter().map(|request| request.older_than).min();
        (shortest.unwrap_or_default() / 4).clamp(PRUNE_EVERY.0, PRUNE_EVERY.1)
    }

    /// Prunes for a while; true when nothing is left.
    async fn prune(&self) -> bool {
        let until = Instant::now() + PRUNE_FOR;
        for request in self.prune_requests() {
            loop {
                match self.store.prune(&request).await {
                    Ok(PRUNE_AT_ONCE) if Instant::now() < until => {}
                    Ok(PRUNE_AT_ONCE) => return false,
                    Ok(_) => break,
                    Err(error) => {
                        if let Some(untold) = self.trouble.note() {
                            tracing::warn!(target: "signalpost::worker", error = %error.in_one_line(), untold, "cannot prune the history");
                        }
                        return true;
                    }
                }
            }
        }
        true
    }

    /// What each state and queue has to be pruned by: the queues that say so by themselves, and all others.
    fn prune_requests(&self) -> Vec<PruneRequest> {
        let (mut requests, options) = (Vec::new(), &self.options);
        for state in EndState::ALL {
            let (of_all, of): (_, fn(&Queue) -> _) = match state {
                EndState::Dead => (options.keep_dead, |queue| queue.keep_dead),
                _ => (options.keep_ended, |queue| queue.keep_ended),
            };
            let mut others = Vec::new();
            let mut add = |older_than, queues| {
                requests.push(PruneRequest { state, older_than, limit: PRUNE_AT_ONCE, queues });
            };
            for queue in &options.queues {
                if let Some(keep) = of(queue) {
                    others.push(queue.name.clone());
                    add(keep, PrunedQueues::Only(queue.name.clone()));
                }
            }
            add(of_all, PrunedQueues::AllBut(others));
        }
        requests
    }
}
