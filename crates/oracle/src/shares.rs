//! What the nodes behind one network can have together, and how many of a network or an owner earn.
//!
//! Ten nodes behind one link are measured at the same instant, each by a challenger of its own, so that each shows a tenth
//! of it. Nodes that stay away from some instants show more at the others. So a network's nodes together get no more than
//! those that were there at one instant had together, in the middle of all instants; what a node that shunned instants
//! showed comes last. Nothing here needs the challengers to know of each other.

use std::{cmp::Reverse, collections::BTreeMap};

use lumora_core::{hash::Hash, median::trimmed_lower_median, schedule::PASSES};

/// By what part of it the link may be passed: medians of parts do not add up to the median of the sums.
const SLACK: u64 = 20;

/// One of the times at which a node is measured in an epoch: the round, and the challenger's place in the node's list.
pub type Turn = (u32, usize);

/// A node behind a network that others use too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its agreed rate by itself, kbit/s.
    pub kbps: u32,
    /// When it was measured, and in which pass; one that is not below [`PASSES`] means that it was measured apart.
    pub present: Vec<(Turn, u8)>,
    /// Decides between equals; from the epoch's seed, so that nobody is always last.
    pub lot: Hash,
}

/// What each may have of the link that they share, kbit/s, in the order of `neighbours`; `None` for those beyond the first
/// `most`, which earn nothing.
pub fn of_network(neighbours: &[Neighbour], most: usize) -> Vec<Option<u32>> {
    let Some(link) = link(neighbours) else {
        return neighbours.iter().map(|_| Some(0)).collect();
    };
    let mut left = link.saturating_add(link / SLACK);
    let mut order: Vec<usize> = (0..neighbours.len()).collect();
    order.sort_by_key(|index| (Reverse(together(&neighbours[*index])), neighbours[*index].lot));
    let mut shares = vec![None; neighbours.len()];
    for index in order.into_iter().take(most) {
        let share = u64::from(neighbours[index].kbps).min(left);
        left -= share;
        // At most the rate, which came from 32 bits.
        shares[index] = u32::try_from(share).ok();
    }
    shares
}

/// Times at which a node was measured with its network.
fn together(neighbour: &Neighbour) -> usize {
    neighbour.present.iter().filter(|(_, pass)| *pass < PASSES).count()
}

/// What the nodes that were measured at one instant had together: of the passes of a turn the one with most, of all turns
/// the trimmed lower median. `None` where nobody was measured.
fn link(neighbours: &[Neighbour]) -> Option<u64> {
    // Whoever was measured apart was alone at its own time.
    let mut sums: BTreeMap<(Turn, u8, Option<usize>), u64> = BTreeMap::new();
    for (index, neighbour) in neighbours.iter().enumerate() {
        for (turn, pass) in &neighbour.present {
            let alone = (*pass >= PASSES).then_some(index);
            let sum = sums.entry((*turn, *pass, alone)).or_default();
            *sum = sum.saturating_add(u64::from(neighbour.kbps));
        }
    }
    let mut turns: BTreeMap<Turn, u64> = BTreeMap::new();
    for ((turn, ..), sum) in sums {
        let most = turns.entry(turn).or_default();
        *most = sum.max(*most);
    }
    let mut sums: Vec<u64> = turns.into_values().collect();
    trimmed_lower_median(&mut sums)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: &[Turn] = &[(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)];
    const LINK: u32 = 90_000;

    fn neighbour(lot: u8, kbps: u32, present: impl IntoIterator<Item = (Turn, u8)>) -> Neighbour {
        Neighbour {
            kbps,
            present: present.into_iter().collect(),
            lot: [lot; 32],
        }
    }

    fn sum(shares: &[Option<u32>]) -> u32 {
        shares.iter().flatten().sum()
    }

    #[test]
    fn neighbours_that_are_measured_together_keep_what_they_showed() {
        let one_link: Vec<_> = (0..10)
            .map(|lot| neighbour(lot, LINK / 10, ALL.iter().map(|turn| (*turn, 0))))
            .collect();
        assert_eq!(of_network(&one_link, 10), vec![Some(LINK / 10); 10]);
        let own_links: Vec<_> = (0..3)
            .map(|lot| neighbour(lot, LINK, ALL.iter().map(|turn| (*turn, 0))))
            .collect();
        assert_eq!(of_network(&own_links, 10), vec![Some(LINK); 3]);
    }

    #[test]
    fn who_is_measured_apart_or_takes_turns_gains_nothing() {
        // One third of the turns each: each shows the whole link.
        let thirds: Vec<_> = (0..3)
            .map(|lot| {
                neighbour(
                    lot,
                    LINK,
                    ALL.iter()
                        .filter(|turn| turn.1 == usize::from(lot))
                        .map(|turn| (*turn, 0)),
                )
            })
            .collect();
        assert!(sum(&of_network(&thirds, 10)) <= LINK + LINK / 20);
        // Two thirds each: two share each turn.
        let halves: Vec<_> = (0..3)
            .map(|lot| {
                neighbour(
                    lot,
                    LINK / 2,
                    ALL.iter()
                        .filter(|turn| turn.1 != usize::from(lot))
                        .map(|turn| (*turn, 0)),
                )
            })
            .collect();
        assert!(sum(&of_network(&halves, 10)) <= LINK + LINK / 20);
        // One in each pass, and two that are measured apart.
        let passes = [0, 1, u8::MAX, u8::MAX].map(|pass| neighbour(pass, LINK, ALL.iter().map(|turn| (*turn, pass))));
        let shares = of_network(&passes, 10);
        assert!(sum(&shares) <= LINK + LINK / 20, "{shares:?}");
    }

    #[test]
    fn who_shuns_its_neighbours_cannot_take_from_one_that_does_not() {
        let honest = neighbour(9, LINK, ALL.iter().map(|turn| (*turn, 0)));
        let dodgers = (0..3).map(|lot| neighbour(lot, LINK, ALL.iter().map(|turn| (*turn, u8::MAX))));
        let all: Vec<_> = std::iter::once(honest).chain(dodgers).collect();
        assert_eq!(of_network(&all, 10)[0], Some(LINK));
    }

    #[test]
    fn no_more_than_the_most_earn_and_the_lot_decides() {
        let many: Vec<_> = (0..5)
            .map(|lot| neighbour(4 - lot, 1_000, ALL.iter().map(|turn| (*turn, 0))))
            .collect();
        assert_eq!(of_network(&many, 2), [None, None, None, Some(1_000), Some(1_000)]);
        assert_eq!(of_network(&[neighbour(0, 0, [])], 2), [Some(0)]);
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_it_showed_nor_all_more_than_the_best_instant(
            nodes in prop::collection::vec((1u32..1_000_000, prop::collection::btree_set((0u32..3, 0usize..3), 0..9), 0u8..3), 1..12),
        ) {
            let neighbours: Vec<_> = nodes
                .iter()
                .enumerate()
                .map(|(lot, (kbps, turns, pass))| neighbour(lot as u8, *kbps, turns.iter().map(|turn| (*turn, *pass))))
                .collect();
            let shares = of_network(&neighbours, neighbours.len());
            for (neighbour, share) in neighbours.iter().zip(&shares) {
                prop_assert!(share.unwrap() <= neighbour.kbps);
            }
            let everybody: u64 = neighbours.iter().map(|neighbour| u64::from(neighbour.kbps)).sum();
            let total: u64 = shares.iter().flatten().map(|share| u64::from(*share)).sum();
            prop_assert!(total <= everybody);
        }
    }
}
