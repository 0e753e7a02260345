//! Which networks more than one node dials from: their nodes are measured at the same instant.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use lumora_core::{hash::Hash, schedule::NetworkTag};

use crate::aggregate::Measurement;

/// Epochs for which a network that was shared counts as shared.
const REMEMBERED: u64 = 8;

/// The networks of the latest epochs. What an oracle forgets when it stops it learns again from the next epoch's bundles.
#[derive(Default)]
pub struct Crowd(Mutex<State>);

#[derive(Default)]
struct State {
    /// The nodes seen on a network, and in which epoch last.
    nodes: BTreeMap<NetworkTag, BTreeMap<Hash, u64>>,
}

impl Crowd {
    /// Takes note of a node that dials from a network. Whether others were seen there too.
    pub fn meet(&self, epoch: u64, network: NetworkTag, node: Hash) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.meet(epoch, network, node)
    }

    /// Takes note that networks are shared, from another process that measures for the same oracle.
    pub fn learn(&self, epoch: u64, networks: &[NetworkTag]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for network in networks {
            // Two strangers stand for whoever it is.
            state.meet(epoch, *network, [0; 32]);
            state.meet(epoch, *network, [u8::MAX; 32]);
        }
    }

    /// The networks that are shared.
    pub fn shared(&self) -> Vec<NetworkTag> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = state.nodes.iter().filter(|(_, nodes)| nodes.len() > 1);
        shared.map(|(network, _)| *network).collect()
    }

    /// Takes note of all whom an epoch's bundles say were measured, by whichever oracle, and forgets old ones.
    pub fn meet_all(&self, epoch: u64, measurements: &[Measurement]) {
        let met: BTreeSet<(NetworkTag, Hash)> = measurements
            .iter()
            .filter(|measurement| measurement.measured)
            .map(|measurement| (measurement.network, measurement.node))
            .collect();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (network, node) in met {
            state.meet(epoch, network, node);
        }
        state.nodes.retain(|_, nodes| {
            nodes.retain(|_, last| last.saturating_add(REMEMBERED) >= epoch);
            !nodes.is_empty()
        });
    }
}

impl State {
    fn meet(&mut self, epoch: u64, network: NetworkTag, node: Hash) -> bool {
        let nodes = self.nodes.entry(network).or_default();
        let last = nodes.entry(node).or_default();
        *last = epoch.max(*last);
        nodes.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_shared_once_two_were_seen_and_until_one_is_gone() {
        let crowd = Crowd::default();
        let (home, node, other) = ([1; 8], [1; 32], [2; 32]);
        assert!(!crowd.meet(5, home, node));
        assert!(!crowd.meet(6, home, node));
        assert!(crowd.meet(6, home, other));
        assert!(crowd.meet(7, home, node));
        assert!(!crowd.meet(7, [2; 8], node));
        assert_eq!(crowd.shared(), [home]);
        let worker = Crowd::default();
        worker.learn(7, &crowd.shared());
        assert!(worker.meet(7, home, node) && !worker.meet(7, [2; 8], node));
        crowd.meet_all(6 + REMEMBERED, &[]);
        assert!(crowd.meet(6 + REMEMBERED, home, node));
        crowd.meet_all(7 + REMEMBERED, &[]);
        assert!(!crowd.meet(7 + REMEMBERED, home, node));
    }
}
