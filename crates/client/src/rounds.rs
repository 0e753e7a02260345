//! When a node is measured in an epoch, and by which oracles. Both ends compute this; nobody can steer it.

use lumora_core::{hash::Hash, schedule};
use lumora_interface::bandwidth::{Epoch, OracleSet};

/// Indices (in the oracle set) of the members that an epoch was opened with, ascending.
pub fn members(epoch: &Epoch) -> Vec<usize> {
    (0..32).filter(|index| epoch.members >> index & 1 == 1).collect()
}

/// Whether a node that registered at this Unix time takes part in an epoch: only if that was before the epoch began. One that
/// registers later could know the seed, and choose the address for which it draws the challengers that it wants.
pub fn takes_part(epoch: &Epoch, registered_at: i64) -> bool {
    registered_at < epoch.starts_at
}

/// Indices (in the oracle set) of the `count` oracles that measure `node` in `round`, in the order in which it dials them; none
/// while the epoch's seed is not drawn.
pub fn challengers(set: &OracleSet, epoch: &Epoch, round: u32, node: &[u8; 32], count: u32) -> Vec<usize> {
    if !epoch.is_drawn() {
        return vec![];
    }
    let members = members(epoch);
    let keys: Vec<Hash> = members.iter().map(|index| set.keys[*index].to_bytes()).collect();
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    schedule::challengers(&epoch.seed, round, node, &keys, count)
        .into_iter()
        .filter_map(|chosen| members.get(chosen).copied())
        .collect()
}

/// Unix times of the first second of a round, and of the first after it: an epoch's time, cut evenly.
pub fn window(epoch: &Epoch, round: u32, rounds: u32) -> (i64, i64) {
    let length = epoch.ends_at.saturating_sub(epoch.starts_at).max(0);
    let begin = |round: u32| {
        let offset = i128::from(length) * i128::from(round) / i128::from(rounds.max(1));
        epoch
            .starts_at
            .saturating_add(i64::try_from(offset).unwrap_or(i64::MAX))
    };
    (begin(round), begin(round.saturating_add(1)))
}

/// The round in progress at `now`, if the epoch is being measured.
pub fn round_at(epoch: &Epoch, now: i64, rounds: u32) -> Option<u32> {
    (0..rounds).find(|round| {
        let (begin, end) = window(epoch, *round, rounds);
        (begin..end).contains(&now)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_interface::Address;

    use super::*;

    fn epoch() -> Epoch {
        Epoch {
            members: 0b1011,
            starts_at: 100,
            ends_at: 120,
            seed: [5; 32],
            ..Epoch::zeroed()
        }
    }

    #[test]
    fn the_rounds_cover_the_epoch_without_a_gap() {
        let epoch = epoch();
        assert_eq!(
            [0, 1, 2].map(|round| window(&epoch, round, 3)),
            [(100, 106), (106, 113), (113, 120)]
        );
        let rounds: Vec<_> = (98..122).map(|now| round_at(&epoch, now, 3)).collect();
        assert_eq!(
            (rounds[1], rounds[2], rounds[21], rounds[22]),
            (None, Some(0), Some(2), None)
        );
    }

    #[test]
    fn only_members_measure_and_the_node_decides_which() {
        let mut set = OracleSet {
            count: 4,
            ..OracleSet::zeroed()
        };
        for index in 0..4u8 {
            set.keys[usize::from(index)] = Address::new_from_array([index + 1; 32]);
        }
        let mut seen: Vec<usize> = (0..50u8)
            .flat_map(|node| challengers(&set, &epoch(), 0, &[node; 32], 2))
            .collect();
        assert_eq!(seen.len(), 100);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [0, 1, 3]);
        let undrawn = Epoch {
            seed: [0; 32],
            ..epoch()
        };
        assert!(challengers(&set, &undrawn, 0, &[1; 32], 2).is_empty());
    }

    #[test]
    fn who_registers_when_the_epoch_has_begun_is_not_of_it() {
        assert!(takes_part(&epoch(), 99));
        assert!(!takes_part(&epoch(), 100));
    }
}
