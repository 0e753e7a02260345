//! What the indexer knows about itself; shared between what follows the chain and what answers.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use tokio::sync::watch;

/// What the indexer knows about itself.
#[derive(Debug)]
pub struct Status {
    chain_slot: AtomicU64,
    subscriptions: AtomicU64,
    failures: AtomicU64,
    differences: AtomicU64,
    started: Instant,
    /// Milliseconds from the start to the latest round that ended well; zero before the first.
    completed: AtomicU64,
    latest_event: watch::Sender<u64>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            chain_slot: AtomicU64::new(0),
            subscriptions: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            differences: AtomicU64::new(0),
            started: Instant::now(),
            completed: AtomicU64::new(0),
            latest_event: watch::Sender::new(0),
        }
    }
}

impl Status {
    /// The latest slot of the chain that was seen.
    pub fn chain_slot(&self) -> u64 {
        self.chain_slot.load(Ordering::Relaxed)
    }

    /// How often a subscription was made: one more than its socket was dropped.
    pub fn subscriptions(&self) -> u64 {
        self.subscriptions.load(Ordering::Relaxed)
    }

    /// How often the chain or the database failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Accounts that comparing with the chain has put right, the first comparison excepted.
    pub fn differences(&self) -> u64 {
        self.differences.load(Ordering::Relaxed)
    }

    /// Time since the latest round that ended well; `None` before the first.
    pub fn silence(&self) -> Option<Duration> {
        let completed = self.completed.load(Ordering::Relaxed);
        (completed != 0).then(|| self.started.elapsed().saturating_sub(Duration::from_millis(completed)))
    }

    /// Tells the number of the latest event whenever there is a new one.
    pub fn events(&self) -> watch::Receiver<u64> {
        self.latest_event.subscribe()
    }

    pub(crate) fn saw_slot(&self, slot: u64) {
        self.chain_slot.fetch_max(slot, Ordering::Relaxed);
    }

    pub(crate) fn subscribed(&self) {
        self.subscriptions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn put_right(&self, accounts: usize) {
        self.differences.fetch_add(accounts as u64, Ordering::Relaxed);
    }

    pub(crate) fn completed_round(&self) {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.completed.store(elapsed.max(1), Ordering::Relaxed);
    }

    pub(crate) fn recorded(&self, latest: u64) {
        self.latest_event.send_if_modified(|event| {
            let newer = latest > *event;
            *event = (*event).max(latest);
            newer
        });
    }
}
