//! Nodes with room, in the order of their scores for a job, found as far as they are asked for.
//!
//! Nodes of one place differ in nothing but the part of the score that is the same for every job, so each place has one
//! sorted list, and a job merges the lists by a heap: the best node costs one look at each place, each further one the
//! logarithm of their number.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    ops::Bound,
};

use crate::network::Network;

/// Order within a place: the higher base first, of equals the lower node.
type Key = (Reverse<u16>, u32);

/// A set of nodes, by place.
pub struct Idle {
    places: Vec<BTreeSet<Key>>,
}

impl Idle {
    pub fn new(network: &Network) -> Self {
        Self {
            places: vec![BTreeSet::new(); network.places.len()],
        }
    }

    /// Adds or removes a node.
    pub fn set(&mut self, network: &Network, node: u32, is_idle: bool) {
        let it = &network.nodes[node as usize];
        let list = &mut self.places[it.place as usize];
        let key = (Reverse(it.base), node);
        if is_idle {
            list.insert(key);
        } else {
            list.remove(&key);
        }
    }

    /// The nodes in the order of their scores for a job with these proximity terms.
    pub fn ranking(&self, proximity: &[u16]) -> Ranking {
        let heads = self
            .places
            .iter()
            .zip(proximity)
            .zip(0u32..)
            .filter_map(|((list, term), place)| {
                let (Reverse(base), node) = *list.first()?;
                Some((base + term, Reverse(node), place))
            });
        Ranking { heap: heads.collect() }
    }

    /// The node with the highest score for a job that is not `excluded`.
    pub fn best(&self, proximity: &[u16], excluded: impl Fn(u32) -> bool) -> Option<(u16, u32)> {
        let heads = self.places.iter().zip(proximity).filter_map(|(list, term)| {
            let (Reverse(base), node) = list.iter().find(|(_, node)| !excluded(*node))?;
            Some((base + term, Reverse(*node)))
        });
        heads.max().map(|(score, Reverse(node))| (score, node))
    }
}

/// Nodes in the order of their scores. Nodes may leave the set meanwhile, others than those of which it stands.
pub struct Ranking {
    heap: BinaryHeap<(u16, Reverse<u32>, u32)>,
}

impl Ranking {
    /// The next node and its score.
    pub fn peek(&self) -> Option<(u16, u32)> {
        self.heap.peek().map(|(score, Reverse(node), _)| (*score, *node))
    }

    /// Takes the next node.
    pub fn advance(&mut self, idle: &Idle, network: &Network, proximity: &[u16]) -> Option<(u16, u32)> {
        let (score, Reverse(node), place) = self.heap.pop()?;
        let term = proximity[place as usize];
        let key = (Reverse(network.nodes[node as usize].base), node);
        let after = (Bound::Excluded(key), Bound::Unbounded);
        if let Some((Reverse(base), next)) = idle.places[place as usize].range(after).next() {
            self.heap.push((base + term, Reverse(*next), place));
        }
        Some((score, node))
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;
    use crate::{Error, settings::Settings};

    #[test]
    fn the_merge_gives_the_order_that_sorting_gives() -> Result<(), Error> {
        let settings = Settings {
            nodes: 2_000,
            ..Settings::full()
        };
        let mut rng = Pcg64::seed_from_u64(8);
        let network = Network::draw(&settings, &mut rng)?;
        let proximity = network.proximity(network.draw_target(0.5, &mut rng));
        let mut idle = Idle::new(&network);
        let mut members = Vec::new();
        for node in 0..settings.nodes {
            idle.set(&network, node, true);
            if rng.random_bool(0.5) {
                idle.set(&network, node, false);
            } else {
                members.push(node);
            }
        }
        let score = |node: u32| {
            let it = &network.nodes[node as usize];
            it.base + proximity[it.place as usize]
        };
        members.sort_by_key(|node| (Reverse(score(*node)), *node));
        let expected: Vec<(u16, u32)> = members.iter().map(|node| (score(*node), *node)).collect();
        let mut ranking = idle.ranking(&proximity);
        let found: Vec<(u16, u32)> = std::iter::from_fn(|| ranking.advance(&idle, &network, &proximity)).collect();
        assert_eq!(found, expected);
        assert_eq!(idle.best(&proximity, |_| false), expected.first().copied());
        assert_eq!(
            idle.best(&proximity, |node| node == expected[0].1),
            expected.get(1).copied()
        );
        Ok(())
    }
}
