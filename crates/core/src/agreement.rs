//! When replicas of a shard agree, and which of them win.

use crate::{sketch::Sketch, units::Bps};

/// Most replicas a shard can have.
pub const MAX_REPLICAS: usize = 8;

/// What a replica revealed of its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revealed {
    /// Sketch of the records.
    pub sketch: Sketch,
    /// Number of records.
    pub records: u32,
}

/// How far two results may lie apart and still agree; pages change between visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Most differing bits of the sketches.
    pub bits: u8,
    /// Largest difference of the counts, as a share of the larger one.
    pub count: Bps,
}

/// Whether two results agree.
pub fn agrees(a: Revealed, b: Revealed, tolerance: Tolerance) -> bool {
    let difference = u64::from(a.records.abs_diff(b.records));
    a.sketch.distance(b.sketch) <= u32::from(tolerance.bits)
        && difference <= tolerance.count.of(u64::from(a.records.max(b.records)))
}

/// The winning replicas as a bitmap, or `None` where no group is more than half of `replicas`.
///
/// A group is a replica and those that agree with it; agreement is not transitive, so the group is named by its centre.
/// Of two groups of one size the one with the lower centre wins, so that the answer is the same whoever asks.
/// Results past [`MAX_REPLICAS`] are not looked at.
pub fn majority(results: &[Revealed], replicas: usize, tolerance: Tolerance) -> Option<u8> {
    let results = results.get(..results.len().min(MAX_REPLICAS))?;
    let mut best = 0u8;
    for centre in results {
        let group = results
            .iter()
            .enumerate()
            .filter(|(_, other)| agrees(*centre, **other, tolerance))
            .fold(0u8, |group, (index, _)| group | 1 << index);
        if group.count_ones() > best.count_ones() {
            best = group;
        }
    }
    (best.count_ones() as usize > replicas / 2).then_some(best)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOLERANCE: Tolerance = Tolerance {
        bits: 3,
        count: Bps(500),
    };

    fn result(sketch: u64, records: u32) -> Revealed {
        Revealed {
            sketch: Sketch(sketch),
            records,
        }
    }

    #[test]
    fn two_of_three_win() {
        let results = [result(0b1, 100), result(u64::MAX, 100), result(0b111, 98)];
        assert_eq!(majority(&results, 3, TOLERANCE), Some(0b101));
        assert_eq!(majority(&results[..2], 2, TOLERANCE), None);
        assert_eq!(majority(&[result(0, 100), result(0, 94)], 2, TOLERANCE), None);
    }

    #[test]
    fn half_is_not_a_majority() {
        let results = [result(0, 10), result(0, 10), result(u64::MAX, 10), result(u64::MAX, 10)];
        assert_eq!(majority(&results, 4, TOLERANCE), None);
    }

    proptest! {
        #[test]
        fn the_winners_are_more_than_half(sketches in prop::collection::vec((any::<u64>(), 0u32..50), 0..10), bits in 0u8..64) {
            let results: alloc::vec::Vec<Revealed> = sketches.iter().map(|(s, c)| result(*s, *c)).collect();
            if let Some(group) = majority(&results, results.len().min(MAX_REPLICAS), Tolerance { bits, count: Bps(2_000) }) {
                prop_assert!(group.count_ones() as usize * 2 > results.len().min(MAX_REPLICAS));
            }
        }
    }
}
