//! Reputation from what the chain knows of a node's work, and of what buyers thought of the data that came of it.
//!
//! Ratings only ever take off, and only shards that somebody paid the node for. Good ratings give back what bad ones took, and
//! nothing beyond, so that there is no use in buying oneself stars. A rating is a purchase's and not a person's: whoever buys
//! cheap data often enough can rate it often enough.

use crate::units::Bps;

/// Weight of the benefit of the doubt: a new node counts as one that has completed this many shards.
const PRIOR: u64 = 8;

/// What one shard weighs, in the unit in which ratings take off.
const SHARD: u64 = 10_000;

/// Best rating.
const BEST: u64 = 5;
/// Worst rating.
const WORST: u64 = 1;
/// Mean from which on nothing is taken off.
const GOOD: u64 = 4;
/// Weight of the benefit of the doubt: as if there were so many best ratings more. One rating alone takes nothing off.
const KIND_RATINGS: u64 = 3;
/// What is taken off a shard at a mean of [`WORST`].
const MOST: Bps = Bps(5_000);

/// What the buyers of a job's data said of it, all its listings together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ratings {
    /// Number of ratings.
    pub count: u64,
    /// Their sum, each 1 to 5.
    pub sum: u64,
}

impl Ratings {
    /// These and others.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            sum: self.sum.saturating_add(other.sum),
        }
    }

    /// What they take off each shard of the job: nothing at a mean of four or more, half of it at a mean of one, and in
    /// between what lies on the line. The mean is that of these ratings and three best ones.
    pub fn shortfall(self) -> Bps {
        let count = u128::from(self.count.saturating_add(KIND_RATINGS));
        let most = u128::from(BEST).saturating_mul(count);
        let sum = u128::from(self.sum.saturating_add(BEST.saturating_mul(KIND_RATINGS))).min(most);
        let missing = u128::from(GOOD).saturating_mul(count).saturating_sub(sum);
        let range = u128::from(GOOD - WORST).saturating_mul(count);
        let share = u128::from(MOST.0).saturating_mul(missing) / range;
        Bps(u16::try_from(share).unwrap_or(MOST.0).min(MOST.0))
    }
}

/// What ratings take off a node that completed `shards` of a job; sum it up over its jobs. In parts of 10,000 of a shard.
pub fn marred(shards: u64, ratings: Ratings) -> u64 {
    shards.saturating_mul(u64::from(ratings.shortfall().0))
}

/// Share of a node's shards that it completed well, where a new node starts at one: (completed + prior - marred) /
/// (completed + failed + expired + prior). A shard that expired counts twice, for somebody waited for it in vain. `marred`
/// is in parts of 10,000 of a shard (see [`marred()`]); no notice is taken of more than half of what was completed.
pub fn from_outcomes(completed: u64, failed: u64, expired: u64, marred: u64) -> Bps {
    let good = completed.saturating_add(PRIOR);
    let bad = failed.saturating_add(expired).saturating_add(expired);
    let all = good.saturating_add(bad);
    if marred == 0 {
        return Bps::ratio(good, all);
    }
    let marred = u128::from(marred).min(u128::from(completed).saturating_mul(u128::from(MOST.0)));
    let well = u128::from(good)
        .saturating_mul(u128::from(SHARD))
        .saturating_sub(marred);
    // A share of what is at most the whole: below 10,000.
    Bps(u16::try_from(well / u128::from(all)).unwrap_or(Bps::ONE.0))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn of(ratings: &[u64]) -> Ratings {
        Ratings {
            count: ratings.len() as u64,
            sum: ratings.iter().sum(),
        }
    }

    #[test]
    fn a_new_node_is_trusted_and_failure_costs() {
        assert_eq!(from_outcomes(0, 0, 0, 0), Bps::ONE);
        assert_eq!(from_outcomes(0, 8, 0, 0), Bps(5_000));
        assert_eq!(from_outcomes(0, 0, 4, 0), Bps(5_000));
    }

    #[test]
    fn bad_ratings_cost_those_who_collected_the_data() {
        assert_eq!(of(&[]).shortfall(), Bps(0));
        // One rating alone changes nothing, the second does.
        assert_eq!(of(&[1]).shortfall(), Bps(0));
        assert_eq!(of(&[1, 1]).shortfall(), Bps(1_000));
        assert_eq!(of(&[1, 1, 5, 5, 5]).shortfall(), Bps(0));
        // Many come close to the half, which is the most.
        assert_eq!(of(&[1; 997]).shortfall(), Bps(4_980));
        assert_eq!(of(&[3; 997]).shortfall(), Bps(1_656));
        assert_eq!(from_outcomes(8, 0, 0, marred(8, of(&[1, 1]))), Bps(9_500));
        assert_eq!(from_outcomes(8, 16, 0, marred(8, of(&[1, 1]))), Bps(4_750));
    }

    proptest! {
        #[test]
        fn work_done_never_lowers_it(
            completed in any::<u64>(), failed in any::<u64>(), expired in any::<u64>(), share in 0u64..=5_000,
        ) {
            let marred = completed.saturating_mul(share);
            let now = from_outcomes(completed, failed, expired, marred);
            prop_assert!(now <= Bps::ONE);
            prop_assert!(from_outcomes(completed.saturating_add(1), failed, expired, marred) >= now);
            prop_assert!(from_outcomes(completed, failed.saturating_add(1), expired, marred) <= now);
        }

        #[test]
        fn ratings_take_off_half_at_most_and_add_nothing(
            completed in any::<u64>(), failed in any::<u64>(), expired in any::<u64>(), marred in any::<u64>(),
        ) {
            let without = from_outcomes(completed, failed, expired, 0);
            let with = from_outcomes(completed, failed, expired, marred);
            prop_assert!(with <= without);
            prop_assert!(with.0 >= without.0 / 2);
            prop_assert!(from_outcomes(completed, failed, expired, marred.saturating_add(1)) <= with);
        }

        #[test]
        fn a_better_rating_never_costs_more(ratings in prop::collection::vec(1u64..=5, 0..50), at in any::<prop::sample::Index>()) {
            let now = of(&ratings).shortfall();
            prop_assert!(now <= MOST);
            let best: Vec<u64> = ratings.iter().copied().chain([BEST]).collect();
            prop_assert!(of(&best).shortfall() <= now);
            if !ratings.is_empty() {
                let mut better = ratings.clone();
                let one = at.get(&ratings).min(&4) + 1;
                better[at.index(ratings.len())] = one;
                prop_assert!(of(&better).shortfall() <= now);
            }
        }
    }
}
