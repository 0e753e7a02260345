//! The main process' side of several that share an oracle's load: which of them measures a node, and what workers hand over.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lumora_client::oracle_api::{Delivery, DeliveryAnswer};
use lumora_core::{hash::sha256, schedule::NetworkTag};
use lumora_interface::Address;
use lumora_pob::SignedReceipt;
use tokio::time::Instant;

use crate::{crowd::Crowd, error::Result, store::Store};

/// A worker that has not shown up for so long is taken to be down, and its nodes are measured here.
const ABSENCE: Duration = Duration::from_secs(5);
/// Seconds by which a delivery may be old: one that was overheard must not keep a dead worker alive.
const FRESHNESS: u64 = 60;

/// The workers, as they were heard of last.
pub struct Front {
    workers: Vec<SocketAddr>,
    seen: Mutex<BTreeMap<SocketAddr, Instant>>,
}

impl Front {
    /// These workers besides the main process.
    pub fn new(workers: Vec<SocketAddr>) -> Self {
        Self {
            workers,
            seen: Mutex::default(),
        }
    }

    /// Where the nodes of a network are measured if not here: networks are spread evenly over this process and its workers,
    /// by hash, so that neighbours are watched together.
    pub fn elsewhere(&self, network: &NetworkTag) -> Option<SocketAddr> {
        let [a, b, c, d, ..] = sha256(&[b"lumora worker v1", network]);
        let number = u32::from_le_bytes([a, b, c, d]) as usize % (self.workers.len() + 1);
        let worker = *self.workers.get(number.checked_sub(1)?)?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&worker)
            .is_some_and(|last| last.elapsed() < ABSENCE)
            .then_some(worker)
    }

    fn saw(&self, worker: SocketAddr) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(worker, Instant::now());
    }

    /// Takes what a worker brings: the receipts of this oracle that hold. `None` where it is no worker of this oracle.
    pub fn take(
        &self,
        own: &Address,
        store: &Store,
        crowd: &Crowd,
        delivery: &Delivery,
    ) -> Result<Option<DeliveryAnswer>> {
        let is_fresh = delivery.sent_at.abs_diff(unix_seconds()) <= FRESHNESS;
        if !is_fresh || !self.workers.contains(&delivery.worker) || !delivery.is_authentic(own) {
            return Ok(None);
        }
        self.saw(delivery.worker);
        let mut taken = 0;
        for bytes in &delivery.receipts {
            let Ok(signed) = SignedReceipt::decode(bytes) else {
                continue;
            };
            if signed.receipt.challenger_key != own.to_bytes() || signed.verify().is_err() {
                continue;
            }
            taken += u32::from(store.add_receipt(&signed)?);
            if signed.receipt.is_measured() {
                crowd.meet(signed.receipt.epoch, signed.receipt.network, signed.receipt.node);
            }
        }
        let shared = crowd.shared();
        Ok(Some(DeliveryAnswer { taken, shared }))
    }
}

/// This machine's clock.
pub(crate) fn unix_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|elapsed| i64::try_from(elapsed.as_secs()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lumora_core::schedule;
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    use super::*;

    #[test]
    fn nodes_go_to_workers_that_are_there_and_only_the_oracles_own_key_speaks_for_them() {
        let workers: Vec<SocketAddr> = ["10.0.0.1:7001", "10.0.0.2:7001"]
            .map(|text| text.parse().unwrap())
            .into();
        let front = Front::new(workers.clone());
        let spread = |front: &Front| {
            let mut counts = BTreeMap::new();
            for node in 0..300u16 {
                let place = front.elsewhere(&schedule::network_tag(&[0; 32], &node.to_le_bytes()));
                *counts.entry(place).or_insert(0) += 1;
            }
            counts
        };
        assert_eq!(spread(&front), BTreeMap::from([(None, 300)]));

        let folder = tempfile::tempdir().unwrap();
        let (store, crowd) = (Store::open(folder.path()).unwrap(), Crowd::default());
        let (key, stranger) = (Keypair::new(), Keypair::new());
        let bring = |signer: &Keypair, worker, sent_at| {
            let delivery = Delivery::sign(signer, worker, sent_at, vec![vec![1, 2, 3]]);
            front.take(&key.pubkey(), &store, &crowd, &delivery).unwrap()
        };
        let now = unix_seconds();
        assert_eq!(bring(&stranger, workers[0], now), None);
        assert_eq!(bring(&key, workers[0], now - 100), None);
        assert_eq!(bring(&key, "10.0.0.9:7001".parse().unwrap(), now), None);
        assert_eq!(spread(&front), BTreeMap::from([(None, 300)]));
        for worker in &workers {
            assert_eq!(bring(&key, *worker, now).unwrap().taken, 0);
        }
        let counts = spread(&front);
        assert_eq!(counts.len(), 3);
        assert!(counts.values().all(|count| (60..140).contains(count)), "{counts:?}");
    }
}
