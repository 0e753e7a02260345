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

/// What tells networks apart in receipts: of the /24 or /48 that a node dials from, without saying which it is to those who
/// do not know the oracles' salt.
pub type NetworkTag = [u8; 8];

/// The tag of a network, by the leading bytes of its addresses.
pub fn network_tag(salt: &Hash, prefix: &[u8]) -> NetworkTag {
    let [a, b, c, d, e, f, g, h, ..] = sha256(&[b"lumora network v1", salt, prefix]);
    [a, b, c, d, e, f, g, h]
}

/// Times that a node whose network is shared can be measured by a challenger in a round: a second one for what failed.
pub const PASSES: u8 = 2;

/// Milliseconds that a measurement takes at most on common paths. Longer rounds have more instants, not longer ones.
const INSTANT_MILLIS: i64 = 1_500;

/// The start of a round in which nodes ask when it is their turn, as a part of it.
const ASKING_PART: i64 = 8;

/// When the nodes of a shared network are measured in a round, milliseconds from the start of the round: all at the same
/// instant, each by the challenger that is `order`th in its own list of `count`, so that one link cannot be sold twice.
///
/// Each half of the round is one pass. In each, the network has `count` instants in a row, from one on that the seed decides,
/// so that many networks spread over it. `None` where the round is too short, or there is no such pass or challenger.
pub fn instant_millis(
    seed: &Hash,
    round: u32,
    network: &NetworkTag,
    pass: u8,
    order: usize,
    count: usize,
    round_millis: i64,
) -> Option<i64> {
    let asking = round_millis.checked_div(ASKING_PART)?;
    let length = round_millis.checked_sub(asking)?.checked_div(i64::from(PASSES))?;
    let (order, count) = (i64::try_from(order).ok()?, i64::try_from(count).ok()?);
    let instants = length.checked_div(INSTANT_MILLIS)?.max(count);
    let step = length.checked_div(instants)?;
    if pass >= PASSES || order >= count || step <= 0 {
        return None;
    }
    let [a, b, c, d, ..] = sha256(&[b"lumora instant v1", seed, &round.to_le_bytes(), &[pass], network]);
    let first =
        i64::from(u32::from_le_bytes([a, b, c, d])).checked_rem(instants.checked_sub(count)?.checked_add(1)?)?;
    let begin = asking.checked_add(length.checked_mul(i64::from(pass))?)?;
    begin.checked_add(first.checked_add(order)?.checked_mul(step)?)
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

    proptest! {
        #[test]
        fn a_network_has_its_instants_in_a_row_inside_each_half(
            seed in any::<[u8; 32]>(), network in any::<[u8; 8]>(), round in any::<u32>(),
            count in 1usize..8, millis in 4_000i64..600_000,
        ) {
            let mut end = millis / 8;
            for pass in 0..PASSES {
                let instants: Vec<i64> = (0..count)
                    .filter_map(|order| instant_millis(&seed, round, &network, pass, order, count, millis))
                    .collect();
                prop_assert_eq!(instants.len(), count);
                prop_assert!(instants[0] >= end);
                let half = (millis - millis / 8) / 2;
                end = millis / 8 + half * (i64::from(pass) + 1);
                let step = half / (half / INSTANT_MILLIS).max(count as i64);
                for (order, instant) in instants.iter().enumerate() {
                    prop_assert_eq!(*instant, instants[0] + step * order as i64);
                }
                prop_assert!(instants[count - 1] + step <= end);
            }
            prop_assert_eq!(instant_millis(&seed, round, &network, PASSES, 0, count, millis), None);
            prop_assert_eq!(instant_millis(&seed, round, &network, 0, count, count, millis), None);
        }
    }

    #[test]
    fn networks_are_told_apart_and_not_found_out_without_the_salt() {
        let tag = |salt, prefix: &[u8]| network_tag(&[salt; 32], prefix);
        assert_eq!(tag(1, &[192, 0, 2]), tag(1, &[192, 0, 2]));
        assert_ne!(tag(1, &[192, 0, 2]), tag(1, &[192, 0, 3]));
        assert_ne!(tag(1, &[192, 0, 2]), tag(2, &[192, 0, 2]));
    }

    #[test]
    fn no_instant_where_there_is_no_time() {
        for (count, millis) in [(0, 10_000), (3, 0), (3, -5), (3, i64::MIN), (usize::MAX, 10_000)] {
            assert_eq!(instant_millis(&[1; 32], 0, &[1; 8], 0, 0, count, millis), None);
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
