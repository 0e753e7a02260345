//! When replicas of a shard agree, and which of them win.
//!
//! Pages change between visits, so equality is too strict: results agree whose sketches and counts lie near each other.
//! How near is the client's choice; `bench/agreement.json` has what each choice lets through.

use crate::{
    sketch::{SKETCH_BITS, Sketch},
    units::Bps,
};

/// Most replicas of a shard: a shard's state on chain is one byte, seven bits for the replicas and one for "settled".
pub const MAX_REPLICAS: usize = 7;

/// Most bits that a job may tolerate: results that have nothing in common differ in half of them.
pub const WIDEST_TOLERANCE: u8 = (SKETCH_BITS / 2 - 1) as u8;

/// Bits at which results of the same pages agree, and such of which a tenth is wrong do not: `bench/agreement.json`.
pub const DEFAULT_TOLERANCE: Tolerance = Tolerance {
    bits: 42,
    count: Bps(500),
};

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
pub fn agrees(a: &Revealed, b: &Revealed, tolerance: Tolerance) -> bool {
    let difference = u64::from(a.records.abs_diff(b.records));
    a.sketch.distance(&b.sketch) <= u32::from(tolerance.bits)
        && difference <= tolerance.count.of(u64::from(a.records.max(b.records)))
}

/// The winning replicas as a bitmap, or `None` where no group is more than half of `replicas`.
///
/// A group is a replica and those that agree with it; agreement is not transitive, so the group is named by its centre.
/// Of two groups of one size the one with the lower centre wins, so that the answer is the same whoever asks.
/// Results past [`MAX_REPLICAS`] are not looked at.
pub fn majority<'a>(
    results: impl Iterator<Item = &'a Revealed> + Clone,
    replicas: usize,
    tolerance: Tolerance,
) -> Option<u8> {
    let results = results.take(MAX_REPLICAS);
    let mut best = 0u8;
    for centre in results.clone() {
        let group = results
            .clone()
            .enumerate()
            .filter(|(_, other)| agrees(centre, other, tolerance))
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
    use crate::sketch::LANES;

    const TOLERANCE: Tolerance = Tolerance {
        bits: 3,
        count: Bps(500),
    };

    fn result(sketch: u64, records: u32) -> Revealed {
        Revealed {
            sketch: Sketch([sketch, 0, 0, 0]),
            records,
        }
    }

    #[test]
    fn two_of_three_win() {
        let results = [result(0b1, 100), result(u64::MAX, 100), result(0b111, 98)];
        assert_eq!(majority(results.iter(), 3, TOLERANCE), Some(0b101));
        assert_eq!(majority(results[..2].iter(), 2, TOLERANCE), None);
        assert_eq!(majority([result(0, 100), result(0, 94)].iter(), 2, TOLERANCE), None);
    }

    #[test]
    fn every_bit_of_a_sketch_counts() {
        for lane in 0..LANES {
            let of = |bits: u64| {
                let mut sketch = Sketch::default();
                sketch.0[lane] = bits;
                Revealed { sketch, records: 100 }
            };
            assert_eq!(
                majority([of(0), of(0b1111), of(0b111)].iter(), 3, TOLERANCE),
                Some(0b111)
            );
            assert_eq!(majority([of(0), of(0b1111)].iter(), 2, TOLERANCE), None);
        }
    }

    #[test]
    fn half_is_not_a_majority() {
        let results = [result(0, 10), result(0, 10), result(u64::MAX, 10), result(u64::MAX, 10)];
        assert_eq!(majority(results.iter(), 4, TOLERANCE), None);
    }

    proptest! {
        #[test]
        fn agreement_is_symmetric_and_grows_with_the_tolerance(
            [a, b] in any::<[u64; 2]>(), counts in any::<[u32; 2]>(), bits in any::<u8>(), count in 0u16..=20_000,
        ) {
            let (a, b) = (result(a, counts[0]), result(b, counts[1]));
            let tolerance = Tolerance { bits, count: Bps(count) };
            let wider = Tolerance { bits: bits.saturating_add(1), count: Bps(count.saturating_add(1)) };
            prop_assert!(agrees(&a, &a, tolerance));
            prop_assert_eq!(agrees(&a, &b, tolerance), agrees(&b, &a, tolerance));
            prop_assert!(!agrees(&a, &b, tolerance) || agrees(&a, &b, wider));
        }

        #[test]
        fn nobody_wins_who_does_not_agree_with_the_centre(
            sketches in prop::collection::vec((0u64..64, 90u32..110), 0..10), replicas in 0usize..10, bits in 0u8..4,
        ) {
            let results: alloc::vec::Vec<Revealed> = sketches.iter().map(|(s, c)| result(*s, *c)).collect();
            let tolerance = Tolerance { bits, count: Bps(500) };
            if let Some(group) = majority(results.iter(), replicas, tolerance) {
                let members = || results.iter().take(MAX_REPLICAS).enumerate().filter(|(i, _)| group >> i & 1 == 1);
                prop_assert!(members().any(|(_, centre)| members().all(|(_, other)| agrees(centre, other, tolerance))));
                prop_assert!(group.count_ones() as usize > replicas / 2);
            }
        }

        #[test]
        fn the_winners_are_more_than_half(sketches in prop::collection::vec((any::<u64>(), 0u32..50), 0..10), bits in 0u8..64) {
            let results: alloc::vec::Vec<Revealed> = sketches.iter().map(|(s, c)| result(*s, *c)).collect();
            if let Some(group) = majority(results.iter(), results.len().min(MAX_REPLICAS), Tolerance { bits, count: Bps(2_000) }) {
                prop_assert!(group.count_ones() as usize * 2 > results.len().min(MAX_REPLICAS));
            }
        }
    }
}
