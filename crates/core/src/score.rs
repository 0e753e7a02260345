//! Who may take a shard, and from when: the score of a node for a job, and the waiting time it earns.
//!
//! The public formula `W = alpha B/Bmax + beta 1/P + gamma 1/L`, with each term made bounded and safe at zero, and a
//! fourth term for reputation. Half-way constants instead of bare reciprocals (`D / (D + distance)`, a rectangular
//! hyperbola as in Michaelis-Menten kinetics) keep the order of 1/P and 1/L. A term is a share between 0 and 10,000 bp, the weights sum to 10,000, and so does the
//! score's range.

use crate::{
    hash::{Hash, sha256},
    units::{Bps, Kbps, Kilometres, Micros, Seconds},
};

/// How much each term counts; they sum to 10,000 bp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Attested bandwidth.
    pub bandwidth: Bps,
    /// Nearness to where the data lives.
    pub proximity: Bps,
    /// Round-trip time to the challengers.
    pub latency: Bps,
    /// Reputation.
    pub reputation: Bps,
}

impl Weights {
    /// Whether the weights sum to one.
    pub fn is_normalised(&self) -> bool {
        [self.bandwidth, self.proximity, self.latency, self.reputation]
            .iter()
            .fold(0u32, |sum, weight| sum.saturating_add(u32::from(weight.0)))
            == u32::from(Bps::ONE.0)
    }
}

/// The network's scoring parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scoring {
    /// How much each term counts.
    pub weights: Weights,
    /// Bandwidth from which on more does not count.
    pub reference: Kbps,
    /// Distance at which proximity counts half.
    pub half_distance: Kilometres,
    /// Round-trip time at which latency counts half.
    pub half_latency: Micros,
}

/// What is known of a node when it asks for a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Attested rate.
    pub attested: Kbps,
    /// The provider's own limit.
    pub limit: Kbps,
    /// Distance to the job's target.
    pub distance: Kilometres,
    /// Attested round-trip time.
    pub rtt: Micros,
    /// Attested reputation.
    pub reputation: Bps,
}

/// The four terms, each between 0 and 10,000 bp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// min(attested, limit) / reference.
    pub bandwidth: Bps,
    /// D / (D + distance).
    pub proximity: Bps,
    /// L / (L + rtt).
    pub latency: Bps,
    /// As attested.
    pub reputation: Bps,
}

/// The terms of the score.
pub fn terms(scoring: &Scoring, figures: &Figures) -> Terms {
    let half = |half: u32, value: u32| {
        let half = u64::from(half);
        Bps::ratio(half, half.saturating_add(u64::from(value)))
    };
    Terms {
        bandwidth: Bps::ratio(
            u64::from(figures.attested.min(figures.limit).0),
            u64::from(scoring.reference.0),
        ),
        proximity: half(scoring.half_distance.0, figures.distance.0),
        latency: half(scoring.half_latency.0, figures.rtt.0),
        reputation: figures.reputation.min(Bps::ONE),
    }
}

/// The score of a node for a job: the weighted sum of its [`terms`].
pub fn score(scoring: &Scoring, figures: &Figures) -> Bps {
    let terms = terms(scoring, figures);
    let weights = &scoring.weights;
    let sum = [
        (weights.bandwidth, terms.bandwidth),
        (weights.proximity, terms.proximity),
        (weights.latency, terms.latency),
        (weights.reputation, terms.reputation),
    ]
    .iter()
    .fold(0u32, |sum, (weight, term)| {
        sum.saturating_add(u32::from(weight.0).saturating_mul(u32::from(term.0)) / 10_000)
    });
    Bps(sum.min(u32::from(Bps::ONE.0)) as u16)
}

/// The longest jitter: a second, so that it never outweighs more than that of waiting.
pub const LONGEST_JITTER_MILLIS: u16 = 999;

/// Milliseconds by which equal scores are told apart: at most one second, from a hash that was not known when the job
/// was written, so that nobody can aim for the front of the queue.
pub fn jitter_millis(slot_hash: &Hash, node: &[u8; 32], shard: u32) -> u16 {
    let digest = sha256(&[b"lumora jitter v1", slot_hash, node, &shard.to_le_bytes()]);
    u16::from_le_bytes([digest[0], digest[1]]) % (LONGEST_JITTER_MILLIS + 1)
}

/// When a node may claim a shard that opened at `opened_at`: after `max_wait x (1 - score)` and the jitter, rounded up
/// to the whole seconds of the chain's clock.
pub fn claimable_at(opened_at: Seconds, max_wait: Seconds, score: Bps, jitter_millis: u16) -> Seconds {
    let max_wait_millis = u64::try_from(max_wait.0).unwrap_or(0).saturating_mul(1_000);
    let wait_millis = score
        .complement()
        .of(max_wait_millis)
        .saturating_add(u64::from(jitter_millis));
    let wait = i64::try_from(wait_millis.div_ceil(1_000)).unwrap_or(i64::MAX);
    Seconds(opened_at.0.saturating_add(wait))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCORING: Scoring = Scoring {
        weights: Weights {
            bandwidth: Bps(3_000),
            proximity: Bps(3_000),
            latency: Bps(2_000),
            reputation: Bps(2_000),
        },
        reference: Kbps(100_000),
        half_distance: Kilometres(1_000),
        half_latency: Micros(50_000),
    };

    fn figures() -> impl Strategy<Value = Figures> {
        (any::<[u32; 4]>(), any::<u16>()).prop_map(|([attested, limit, distance, rtt], reputation)| Figures {
            attested: Kbps(attested),
            limit: Kbps(limit),
            distance: Kilometres(distance),
            rtt: Micros(rtt),
            reputation: Bps(reputation),
        })
    }

    /// Any parameters at all, normalised or not.
    fn scoring() -> impl Strategy<Value = Scoring> {
        (any::<[u16; 4]>(), any::<[u32; 3]>()).prop_map(|([bandwidth, proximity, latency, reputation], figures)| {
            let [reference, half_distance, half_latency] = figures;
            Scoring {
                weights: Weights {
                    bandwidth: Bps(bandwidth),
                    proximity: Bps(proximity),
                    latency: Bps(latency),
                    reputation: Bps(reputation),
                },
                reference: Kbps(reference),
                half_distance: Kilometres(half_distance),
                half_latency: Micros(half_latency),
            }
        })
    }

    #[test]
    fn a_perfect_node_waits_for_the_jitter_alone() {
        let best = Figures {
            attested: Kbps(200_000),
            limit: Kbps(100_000),
            distance: Kilometres(0),
            rtt: Micros(0),
            reputation: Bps::ONE,
        };
        assert_eq!(score(&SCORING, &best), Bps::ONE);
        assert_eq!(claimable_at(Seconds(50), Seconds(30), Bps::ONE, 0), Seconds(50));
        assert_eq!(claimable_at(Seconds(50), Seconds(30), Bps::ONE, 1), Seconds(51));
        assert_eq!(claimable_at(Seconds(50), Seconds(30), Bps(0), 0), Seconds(80));
    }

    proptest! {
        #[test]
        fn better_figures_never_score_lower(scoring in scoring(), a in figures(), more in any::<u32>()) {
            let s = score(&scoring, &a);
            prop_assert!(s <= Bps::ONE);
            let faster = Figures { attested: Kbps(a.attested.0.saturating_add(more)), ..a };
            let freer = Figures { limit: Kbps(a.limit.0.saturating_add(more)), ..a };
            let nearer = Figures { distance: Kilometres(a.distance.0.saturating_sub(more)), ..a };
            let quicker = Figures { rtt: Micros(a.rtt.0.saturating_sub(more)), ..a };
            let trusted = Figures { reputation: Bps(a.reputation.0.saturating_add(more as u16)), ..a };
            for better in [faster, freer, nearer, quicker, trusted] {
                prop_assert!(score(&scoring, &better) >= s);
            }
        }

        #[test]
        fn every_term_is_a_share_and_the_score_lies_between_them(a in figures()) {
            let Terms { bandwidth, proximity, latency, reputation } = terms(&SCORING, &a);
            let all = [bandwidth, proximity, latency, reputation].map(|term| term.0);
            let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
            prop_assert!(*most <= Bps::ONE.0);
            // Each of the four products is rounded down.
            let score = score(&SCORING, &a).0;
            prop_assert!(score <= *most && score + 4 > *least);
        }

        #[test]
        fn the_wait_is_bounded(opened in -1_000_000i64..1_000_000, wait in 0i64..100_000, score in any::<u16>(), node in any::<[u8; 32]>(), shard in any::<u32>()) {
            let jitter = jitter_millis(&[7; 32], &node, shard);
            prop_assert!(jitter <= LONGEST_JITTER_MILLIS);
            let at = claimable_at(Seconds(opened), Seconds(wait), Bps(score), jitter).0;
            prop_assert!((opened..=opened + wait + 1).contains(&at));
        }

        #[test]
        fn a_higher_score_never_waits_longer(low in 0u16..=10_000, gain in 0u16..=10_000, wait in 0i64..100_000, jitter in 0u16..1_000) {
            let high = Bps(low.saturating_add(gain).min(10_000));
            prop_assert!(claimable_at(Seconds(0), Seconds(wait), high, jitter) <= claimable_at(Seconds(0), Seconds(wait), Bps(low), jitter));
        }

        #[test]
        fn no_input_panics(opened in any::<i64>(), wait in any::<i64>(), score in any::<u16>(), jitter in any::<u16>()) {
            claimable_at(Seconds(opened), Seconds(wait), Bps(score), jitter);
        }
    }
}
