//! The public allocation formulas with their worked examples: shares by capped bandwidth, the 80 % rule with its
//! redistribution, and the raw proximity score. The program uses the bounded form in [`crate::score`]; these are for
//! planning, for the command line, and to show that the order of nodes is the same.

use alloc::{vec, vec::Vec};

use crate::units::{Bps, Kbps};

/// Load from which on a node gets no more work, as a share of its capacity.
pub const LOAD_CEILING: Bps = Bps(8_000);

/// Least number of shards that a node can state as its capacity: of a single one no part can be filled.
pub const LEAST_CAPACITY: u16 = 2;

/// Shards that a node of this capacity may hold at once, rounded down: rounded up, a node that states few would be filled
/// altogether. See [`LEAST_CAPACITY`].
pub fn shards_allowed(capacity: u16, ceiling: Bps) -> u16 {
    // At most `capacity`.
    ceiling.of(u64::from(capacity)) as u16
}

/// `C_i = min(B_i, U_i)`: what a node has, within what its provider allows.
pub fn capacity(available: Kbps, limit: Kbps) -> Kbps {
    available.min(limit)
}

/// `T_i = T_total x C_i / sum(C)`, in whole tasks that sum to `total`: what rounding leaves goes to the largest
/// remainders, to the first of equals. All zero where there is no capacity at all.
pub fn by_capacity(total: u64, capacities: &[u64]) -> Vec<u64> {
    let sum: u128 = capacities.iter().map(|c| u128::from(*c)).sum();
    if sum == 0 {
        return vec![0; capacities.len()];
    }
    let products: Vec<u128> = capacities
        .iter()
        .map(|c| u128::from(total).saturating_mul(u128::from(*c)))
        .collect();
    // Each quotient is at most `total`.
    let mut shares: Vec<u64> = products.iter().map(|p| (p / sum) as u64).collect();
    let given = shares.iter().fold(0u64, |acc, share| acc.saturating_add(*share));
    let mut order: Vec<usize> = (0..capacities.len()).collect();
    order.sort_by_key(|i| core::cmp::Reverse(products.get(*i).map_or(0, |p| p % sum)));
    // Fewer are left over than there are nodes.
    for index in order.into_iter().take(total.saturating_sub(given) as usize) {
        if let Some(share) = shares.get_mut(index) {
            *share = share.saturating_add(1);
        }
    }
    shares
}

/// An allocation under the 80 % rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Tasks per node, in the order of the input.
    pub tasks: Vec<u64>,
    /// Tasks that no node has room for.
    pub unallocated: u64,
}

/// Shares by capacity of which none passes [`LOAD_CEILING`]; what is over is shared out again among the nodes that have
/// room, in proportion to their capacity, until it is placed or there is no room.
pub fn with_load_ceiling(total: u64, capacities: &[u64]) -> Allocation {
    let ceilings: Vec<u64> = capacities.iter().map(|c| LOAD_CEILING.of(*c)).collect();
    let mut tasks = vec![0u64; capacities.len()];
    let mut left = total;
    // Each round fills at least one node or places everything, so there are at most as many rounds as nodes, plus one.
    while left > 0 {
        let room = |tasks: &[u64], i: usize| {
            ceilings
                .get(i)
                .copied()
                .unwrap_or(0)
                .saturating_sub(tasks.get(i).copied().unwrap_or(0))
        };
        let weights: Vec<u64> = capacities
            .iter()
            .enumerate()
            .map(|(i, capacity)| if room(&tasks, i) > 0 { *capacity } else { 0 })
            .collect();
        let mut placed = 0u64;
        for (i, share) in by_capacity(left, &weights).into_iter().enumerate() {
            let taken = share.min(room(&tasks, i));
            if let Some(task) = tasks.get_mut(i) {
                *task = task.saturating_add(taken);
            }
            placed = placed.saturating_add(taken);
        }
        if placed == 0 {
            break;
        }
        left = left.saturating_sub(placed);
    }
    Allocation {
        tasks,
        unallocated: left,
    }
}

/// A node in the raw proximity score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Proximity P, in milliseconds of round trip; at least 1.
    pub proximity_ms: u32,
    /// Latency L, in milliseconds; at least 1.
    pub latency_ms: u32,
    /// Capacity C, in tasks.
    pub capacity: u32,
}

/// Weights alpha, beta, gamma of the raw proximity score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawWeights {
    /// Weight of 1/P.
    pub alpha: Bps,
    /// Weight of 1/L.
    pub beta: Bps,
    /// Weight of C/Cmax.
    pub gamma: Bps,
}

/// `alpha/P + beta/L + gamma C/Cmax`, in millionths, rounded to the nearest. `Cmax` is the largest capacity among the
/// candidates. P and L of zero count as one: the formula has no value there.
pub fn raw_scores(weights: RawWeights, candidates: &[Candidate]) -> Vec<u64> {
    // Computed in 10^-12 so that the three divisions do not add up to a visible error.
    const SCALE: u64 = 100_000_000; // a basis point in 10^-12
    let largest = u64::from(candidates.iter().map(|c| c.capacity).max().unwrap_or(0).max(1));
    let part = |weight: Bps, numerator: u32, denominator: u64| {
        let product = u128::from(u64::from(weight.0).saturating_mul(SCALE)).saturating_mul(u128::from(numerator));
        // At most the weight in 10^-12: the numerator is at most the denominator.
        (product / u128::from(denominator.max(1))) as u64
    };
    candidates
        .iter()
        .map(|candidate| {
            let sum = part(weights.alpha, 1, u64::from(candidate.proximity_ms))
                .saturating_add(part(weights.beta, 1, u64::from(candidate.latency_ms)))
                .saturating_add(part(weights.gamma, candidate.capacity, largest));
            sum.saturating_add(500_000) / 1_000_000
        })
        .collect()
}

/// Fills the candidates up in the order of their scores (the first of equals first) until `total` is placed.
pub fn by_rank(total: u64, scores: &[u64], candidates: &[Candidate]) -> Allocation {
    let mut order: Vec<usize> = (0..candidates.len().min(scores.len())).collect();
    order.sort_by_key(|i| core::cmp::Reverse(scores.get(*i).copied()));
    let mut tasks = vec![0u64; candidates.len()];
    let mut left = total;
    for index in order {
        if let (Some(candidate), Some(task)) = (candidates.get(index), tasks.get_mut(index)) {
            *task = left.min(u64::from(candidate.capacity));
            left = left.saturating_sub(*task);
        }
    }
    Allocation {
        tasks,
        unallocated: left,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_worked_example_of_bandwidth_allocation() {
        let capacities = [(100, 80), (120, 100), (50, 50)].map(|(b, u)| u64::from(capacity(Kbps(b), Kbps(u)).0));
        assert_eq!(capacities, [80, 100, 50]);
        assert_eq!(by_capacity(1_000, &capacities), [348, 435, 217]);
    }

    #[test]
    fn the_worked_example_of_proximity_assignment() {
        let weights = RawWeights {
            alpha: Bps(4_000),
            beta: Bps(4_000),
            gamma: Bps(2_000),
        };
        let candidates =
            [(10, 15, 100), (20, 10, 150), (15, 20, 80)].map(|(proximity_ms, latency_ms, capacity)| Candidate {
                proximity_ms,
                latency_ms,
                capacity,
            });
        let scores = raw_scores(weights, &candidates);
        assert_eq!(scores, [200_000, 260_000, 153_333]);
        let allocation = by_rank(500, &scores, &candidates);
        assert_eq!(
            allocation,
            Allocation {
                tasks: vec![100, 150, 80],
                unallocated: 170
            }
        );
    }

    #[test]
    fn the_bounded_score_keeps_the_order_of_the_worked_example() {
        use crate::{
            score::{Figures, Scoring, Weights, score},
            units::{Kilometres, Micros},
        };
        let scoring = Scoring {
            weights: Weights {
                bandwidth: Bps(2_000),
                proximity: Bps(4_000),
                latency: Bps(4_000),
                reputation: Bps(0),
            },
            reference: Kbps(150),
            half_distance: Kilometres(10),
            half_latency: Micros(10_000),
        };
        // 1 ms of round trip in fibre is about 100 km; the example's P in ms stands for the distance.
        let [first, second, third] = [(10, 15, 100), (20, 10, 150), (15, 20, 80)].map(|(p, l, c)| {
            let figures = Figures {
                attested: Kbps(c),
                limit: Kbps(c),
                distance: Kilometres(p),
                rtt: Micros(l * 1_000),
                reputation: Bps(0),
            };
            score(&scoring, &figures)
        });
        assert!(second > first && first > third, "{second} > {first} > {third}");
    }

    #[test]
    fn the_eighty_per_cent_rule_moves_the_overflow() {
        let allocation = with_load_ceiling(150, &[100, 100]);
        assert_eq!(
            allocation,
            Allocation {
                tasks: vec![75, 75],
                unallocated: 0
            }
        );
        let allocation = with_load_ceiling(200, &[100, 100]);
        assert_eq!(
            allocation,
            Allocation {
                tasks: vec![80, 80],
                unallocated: 40
            }
        );
    }

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let candidate = any::<[u32; 3]>().prop_map(|[proximity_ms, latency_ms, capacity]| Candidate {
            proximity_ms,
            latency_ms,
            capacity,
        });
        prop::collection::vec(candidate, 1..8)
    }

    proptest! {
        #[test]
        fn shares_are_the_quota_rounded_and_keep_the_order_of_the_capacities(
            total in any::<u64>(), capacities in prop::collection::vec(any::<u64>(), 1..12),
        ) {
            let shares = by_capacity(total, &capacities);
            let sum: u128 = capacities.iter().map(|c| u128::from(*c)).sum();
            for (share, capacity) in shares.iter().zip(&capacities) {
                let quota = u128::from(total) * u128::from(*capacity) / sum.max(1);
                prop_assert!(u128::from(*share) == quota || u128::from(*share) == quota + 1);
            }
            for (i, a) in capacities.iter().enumerate() {
                for (j, b) in capacities.iter().enumerate() {
                    prop_assert!(a <= b || shares[i] >= shares[j], "{a} > {b}");
                }
            }
        }

        #[test]
        fn raw_scores_are_bounded_and_rise_with_each_input(
            candidates in candidates(), weights in any::<[u16; 3]>(), which in any::<prop::sample::Index>(), less in any::<u32>(),
        ) {
            let [alpha, beta, gamma] = weights.map(|weight| Bps(weight % 10_001));
            let weights = RawWeights { alpha, beta, gamma };
            let before = raw_scores(weights, &candidates);
            let bound = [alpha, beta, gamma].iter().map(|weight| u64::from(weight.0) * 100).sum::<u64>();
            prop_assert!(before.iter().all(|score| *score <= bound));
            let index = which.index(candidates.len());
            let it = candidates[index];
            let nearer = Candidate { proximity_ms: it.proximity_ms.saturating_sub(less), ..it };
            let quicker = Candidate { latency_ms: it.latency_ms.saturating_sub(less), ..it };
            let larger = Candidate { capacity: it.capacity.saturating_add(less), ..it };
            for better in [nearer, quicker, larger] {
                let mut changed = candidates.clone();
                changed[index] = better;
                prop_assert!(raw_scores(weights, &changed)[index] >= before[index]);
            }
        }

        #[test]
        fn by_rank_fills_the_best_first(total in 0u64..100_000, candidates in candidates(), scores in prop::collection::vec(any::<u64>(), 0..8)) {
            let candidates: Vec<Candidate> =
                candidates.iter().map(|c| Candidate { capacity: c.capacity % 50_000, ..*c }).collect();
            let allocation = by_rank(total, &scores, &candidates);
            prop_assert_eq!(allocation.tasks.iter().sum::<u64>() + allocation.unallocated, total);
            let ranked = candidates.len().min(scores.len());
            for i in 0..ranked {
                prop_assert!(allocation.tasks[i] <= u64::from(candidates[i].capacity));
                for j in 0..ranked {
                    // Nobody gets a task while a better one has room.
                    let is_full = allocation.tasks[i] == u64::from(candidates[i].capacity);
                    prop_assert!(scores[i] <= scores[j] || is_full || allocation.tasks[j] == 0);
                }
            }
        }

        #[test]
        fn a_share_of_the_capacity_never_passes_the_ceiling(capacity in any::<u16>(), ceiling in any::<u16>()) {
            let allowed = shards_allowed(capacity, Bps(ceiling));
            prop_assert!(u64::from(allowed) * 10_000 <= u64::from(capacity) * u64::from(ceiling.min(10_000)));
            prop_assert!(shards_allowed(capacity.saturating_add(1), Bps(ceiling)) >= allowed);
            prop_assert!(shards_allowed(capacity, Bps(ceiling.saturating_add(1))) >= allowed);
        }

        #[test]
        fn no_input_panics(total in any::<u64>(), capacities in prop::collection::vec(any::<u64>(), 0..12)) {
            let allocation = with_load_ceiling(total, &capacities);
            prop_assert!(allocation.tasks.iter().zip(&capacities).all(|(task, c)| *task <= LOAD_CEILING.of(*c)));
        }

        #[test]
        fn every_task_is_placed_or_named(total in 0u64..100_000, capacities in prop::collection::vec(0u64..10_000, 0..12)) {
            let shares = by_capacity(total, &capacities);
            let expected = if capacities.iter().any(|c| *c > 0) { total } else { 0 };
            prop_assert_eq!(shares.iter().sum::<u64>(), expected);

            let allocation = with_load_ceiling(total, &capacities);
            prop_assert_eq!(allocation.tasks.iter().sum::<u64>() + allocation.unallocated, total);
            for (task, capacity) in allocation.tasks.iter().zip(&capacities) {
                prop_assert!(*task <= LOAD_CEILING.of(*capacity));
            }
            let room: u64 = capacities.iter().map(|c| LOAD_CEILING.of(*c)).sum();
            prop_assert_eq!(allocation.unallocated, total.saturating_sub(room));
        }
    }
}
