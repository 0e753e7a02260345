//! Who measures whom: nobody can choose, everybody can compute.

use alloc::vec::Vec;

use crate::hash::{Hash, sha256};

/// The members (by index) that measure `node` in `round`: the `count` oracles with the smallest
/// SHA-256(domain, seed, round, node, oracle), in that order.
pub fn challengers(seed: &Hash, round: u32, node: &[u8; 32], oracles: &[[u8; 32]], count: usize) -> Vec<usize> {
    let mut ranked: Vec<(Hash, usize)> = oracles
        .iter()
        .enumerate()
        .map(|(index, oracle)| {
            (
                sha256(&[b"lumora schedule v1", seed, &round.to_le_bytes(), node, oracle]),
                index,
            )
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(count).map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn distinct_and_as_many_as_asked(seed in any::<[u8; 32]>(), round in any::<u32>(), oracles in 0usize..32, count in 0usize..40) {
            let members: Vec<[u8; 32]> = (0..oracles).map(|i| [i as u8; 32]).collect();
            let mut chosen = challengers(&seed, round, &[9; 32], &members, count);
            prop_assert_eq!(chosen.len(), count.min(oracles));
            chosen.sort_unstable();
            chosen.dedup();
            prop_assert_eq!(chosen.len(), count.min(oracles));
        }
    }

    #[test]
    fn the_seed_decides() {
        let members: Vec<[u8; 32]> = (0..32).map(|i| [i; 32]).collect();
        let pick = |seed| challengers(&[seed; 32], 0, &[9; 32], &members, 3);
        assert_eq!(pick(1), pick(1));
        assert_ne!(pick(1), pick(2));
    }
}
