//! Reputation from what the chain knows of a node's work, and of what buyers thought of the data that came of it.
//!
//! Ratings only ever take off, and only shards that somebody paid the node for. Good ratings give back what bad ones took, and
//! nothing beyond, so that there is no use in buying oneself stars. A rating weighs what was paid for the copy that it is
//! about, against what it cost to collect the data: wallets and cheap copies are easily had, so that their number says nothing.

use crate::units::Bps;

/// Weight of the benefit of the doubt: a new node counts as one that has completed this many shards.
const PRIOR: u64 = 8;

/// What one shard weighs, in the unit in which ratings take off.
const SHARD: u64 = 10_000;

/// Best rating.
const BEST: u128 = 5;
/// Worst rating.
const WORST: u128 = 1;
/// Mean from which on nothing is taken off.
const GOOD: u128 = 4;
/// What is taken off a shard at a mean of [`WORST`].
const MOST: Bps = Bps(5_000);

/// What the buyers of a job's data said of it, all its listings together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ratings {
    /// LMR base units paid for the rated copies.
    pub volume: u64,
    /// Sum over the ratings: each, 1 to 5, times the LMR base units paid for its copy.
    pub weighted: u64,
}

impl Ratings {
    /// These and others.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            volume: self.volume.saturating_add(other.volume),
            weighted: self.weighted.saturating_add(other.weighted),
        }
    }

    /// What they take off each shard of a job on which `cost` LMR base units were spent: nothing at a mean of four or more,
    /// half of it at a mean of one, and in between what lies on the line. The mean is weighed by money, and as if the job's
    /// cost had been spent on copies with the best rating: (weighted + 5 cost) / (volume + cost).
    pub fn shortfall(self, cost: u64) -> Bps {
        let (volume, cost) = (u128::from(self.volume), u128::from(cost));
        let money = volume + cost;
        // At most 2^67: nothing here overflows.
        let sum = u128::from(self.weighted).min(BEST * volume) + BEST * cost;
        let missing = (GOOD * money).saturating_sub(sum);
        let share = (u128::from(MOST.0) * missing)
            .checked_div((GOOD - WORST) * money)
            .unwrap_or_default();
        Bps(u16::try_from(share).unwrap_or(MOST.0).min(MOST.0))
    }
}

/// What ratings take off a node that completed `shards` of a job on which `cost` LMR base units were spent; sum it up over
/// its jobs. In parts of 10,000 of a shard.
pub fn marred(shards: u64, ratings: Ratings, cost: u64) -> u64 {
    shards.saturating_mul(u64::from(ratings.shortfall(cost).0))
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

    /// Ratings with what was paid for each copy.
    fn of(ratings: &[(u64, u64)]) -> Ratings {
        Ratings {
            volume: ratings.iter().map(|(_, paid)| paid).sum(),
            weighted: ratings.iter().map(|(rating, paid)| rating * paid).sum(),
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
        const COST: u64 = 900;
        assert_eq!(of(&[]).shortfall(COST), Bps(0));
        // Nothing up to a third of the cost, then more and more.
        assert_eq!(of(&[(1, 300)]).shortfall(COST), Bps(0));
        assert_eq!(of(&[(1, 900)]).shortfall(COST), Bps(1_666));
        assert_eq!(of(&[(1, 900), (5, 900)]).shortfall(COST), Bps(555));
        assert_eq!(of(&[(1, 900), (5, 1_800)]).shortfall(COST), Bps(0));
        // Much money comes close to the half, which is the most.
        assert_eq!(of(&[(1, 300_000)]).shortfall(COST), Bps(4_980));
        assert_eq!(of(&[(3, 300_000)]).shortfall(COST), Bps(1_656));
        let off = marred(8, of(&[(1, 900)]), COST);
        assert_eq!(from_outcomes(8, 0, 0, off), Bps(9_167));
        assert_eq!(from_outcomes(8, 16, 0, off), Bps(4_583));
    }

    #[test]
    fn how_many_rate_says_nothing() {
        let crowd = [(1, 3); 100];
        assert_eq!(of(&crowd), of(&[(1, 300)]));
        assert_eq!(of(&crowd).shortfall(900), Bps(0));
    }

    #[test]
    fn ratings_of_what_cost_and_sold_for_nothing_take_nothing_off() {
        assert_eq!(of(&[]).shortfall(0), Bps(0));
        assert_eq!(marred(8, of(&[(1, 0)]), 0), 0);
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
        fn a_better_rating_never_costs_more(
            ratings in prop::collection::vec((1u64..=5, 0u64..1 << 40), 1..50), cost in 0u64..1 << 45, at in any::<prop::sample::Index>(),
        ) {
            let now = of(&ratings).shortfall(cost);
            prop_assert!(now <= MOST);
            let best: Vec<(u64, u64)> = ratings.iter().copied().chain([(5, 1 << 30)]).collect();
            prop_assert!(of(&best).shortfall(cost) <= now);
            let mut better = ratings.clone();
            let one = &mut better[at.index(ratings.len())];
            one.0 = 5.min(one.0 + 1);
            prop_assert!(of(&better).shortfall(cost) <= now);
        }

        #[test]
        fn data_that_cost_more_is_harmed_less(volume in any::<u64>(), weighted in any::<u64>(), cost in any::<u64>()) {
            let ratings = Ratings { volume, weighted };
            prop_assert!(ratings.shortfall(cost.saturating_add(1)) <= ratings.shortfall(cost));
            // Whoever has not paid a third of what the data cost changes nothing.
            if u128::from(volume) * 3 <= u128::from(cost) {
                prop_assert_eq!(Ratings { volume, weighted: volume }.shortfall(cost), Bps(0));
            }
        }
    }
}
