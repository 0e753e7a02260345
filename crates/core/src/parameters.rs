//! How far the network's parameters may move at once.
//!
//! Whoever sets them, be it the authority or a quorum of oracles, announces them and can change them by one step at a
//! time: those who have a bond at stake, or work under way, see where things are going while they can still leave.
//!
//! | figure | range | one step |
//! |---|---|---|
//! | bonds | | doubled to halved; from zero to at most [`FIRST_BOND`], to zero from at most [`LAST_BOND`] |
//! | rate, distance, round-trip time, age of an attestation | above zero | doubled to halved |
//! | longest wait | | doubled to halved; from zero to at most [`FIRST_WAIT`], to zero from one second |
//! | time to unbond | [`UNBONDING_MIN`] to [`UNBONDING_MAX`] | doubled to halved |
//! | weights | sum to 10,000 bp | 1,000 bp each |
//! | shares | at most 10,000 bp; the fee at most [`PROTOCOL_FEE_MAX`] | 1,000 bp |

use crate::{
    score::{Scoring, Weights},
    units::{Bps, Lmr, Seconds},
};

/// Bond to which one that is zero may rise in one step.
pub const FIRST_BOND: Lmr = Lmr(1_000 * Lmr::ONE.0);

/// Bond from which on it may fall to zero in one step.
pub const LAST_BOND: Lmr = Lmr::ONE;

/// Longest wait to which one that is zero may rise in one step.
pub const FIRST_WAIT: Seconds = Seconds(60);

/// Shortest time to unbond: an offence must be able to reach the chain before the bond is gone.
pub const UNBONDING_MIN: Seconds = Seconds(60);

/// Longest time to unbond: 60 days. An exit must not be put off for ever.
pub const UNBONDING_MAX: Seconds = Seconds(60 * 86_400);

/// Largest share of a payment that the protocol may keep.
pub const PROTOCOL_FEE_MAX: Bps = Bps(2_000);

/// By how much a share or a weight may move in one step.
pub const SHARE_STEP: Bps = Bps(1_000);

/// What decides who may take a shard and from when. Apart, since it may move without the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// How a node's figures become its score.
    pub scoring: Scoring,
    /// How long a node with a score of zero waits.
    pub max_wait: Seconds,
}

/// All parameters that may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// What a node must have deposited to take work.
    pub minimum_bond: Lmr,
    /// Bond that each open shard needs.
    pub shard_bond: Lmr,
    /// From asking for a bond back to receiving it.
    pub unbonding: Seconds,
    /// Who may take a shard, and from when.
    pub ranking: Ranking,
    /// Age from which on an attestation no longer makes a node eligible.
    pub attestation_max_age: Seconds,
    /// Share of a node's capacity that shards may fill.
    pub capacity_share: Bps,
    /// Share of the shard bond lost when a deadline passes.
    pub expiry_slash: Bps,
    /// Share of each payment that the protocol keeps.
    pub protocol_fee: Bps,
    /// Share of the protocol's fee that is burned.
    pub burn_share: Bps,
}

/// Which rule a set of parameters breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The weights do not sum to 10,000 bp.
    WeightsSum,
    /// A share is above 10,000 bp.
    ShareRange,
    /// The fee is above [`PROTOCOL_FEE_MAX`].
    FeeRange,
    /// A figure that must be above zero is not, or a wait is below zero.
    Zero,
    /// The time to unbond is out of its range.
    UnbondingRange,
    /// A bond moves by more than one step.
    BondStep,
    /// A duration, rate or distance moves by more than one step.
    ScaleStep,
    /// A weight or share moves by more than one step.
    ShareStep,
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::WeightsSum => "the four weights must sum to 10,000 basis points",
            Self::ShareRange => "a share must be at most 10,000 basis points",
            Self::FeeRange => "the protocol's fee must be at most 2,000 basis points",
            Self::Zero => "reference rate, half distance, half latency and attestation age must be above zero",
            Self::UnbondingRange => "the time to unbond must be between one minute and 60 days",
            Self::BondStep => "a bond may at most double or halve at once",
            Self::ScaleStep => "a duration, rate or distance may at most double or halve at once",
            Self::ShareStep => "a weight or share may move by at most 1,000 basis points at once",
        })
    }
}

impl core::error::Error for Fault {}

impl Ranking {
    /// Whether these can be anybody's parameters: weights that sum to one, divisors above zero.
    pub fn check(&self) -> Result<(), Fault> {
        let Scoring {
            weights,
            reference,
            half_distance,
            half_latency,
        } = self.scoring;
        ensure(weights.is_normalised(), Fault::WeightsSum)?;
        let divisors = [reference.0, half_distance.0, half_latency.0];
        ensure(
            divisors.iter().all(|divisor| *divisor > 0) && self.max_wait.0 >= 0,
            Fault::Zero,
        )
    }

    /// Whether `to` is at most one step from here. It says nothing of whether `to` is valid: see [`Self::check`].
    pub fn step(&self, to: &Self) -> Result<(), Fault> {
        let (scoring, next) = (&self.scoring, &to.scoring);
        let scales = [
            (scoring.reference.0, next.reference.0),
            (scoring.half_distance.0, next.half_distance.0),
            (scoring.half_latency.0, next.half_latency.0),
        ];
        ensure(
            scales
                .iter()
                .all(|(from, to)| doubled_to_halved(u64::from(*from), u64::from(*to))),
            Fault::ScaleStep,
        )?;
        let (from, wait) = (duration(self.max_wait), duration(to.max_wait));
        ensure(
            doubled_to_halved(from, wait) || around_zero(from, wait, duration(FIRST_WAIT), 1),
            Fault::ScaleStep,
        )?;
        let pairs = weights(&scoring.weights).into_iter().zip(weights(&next.weights));
        ensure(
            pairs.into_iter().all(|(from, to)| share_step(from, to)),
            Fault::ShareStep,
        )
    }
}

impl Parameters {
    /// Whether these can be a network's parameters.
    pub fn check(&self) -> Result<(), Fault> {
        self.ranking.check()?;
        ensure(self.shares().iter().all(|share| *share <= Bps::ONE), Fault::ShareRange)?;
        ensure(self.protocol_fee <= PROTOCOL_FEE_MAX, Fault::FeeRange)?;
        ensure(self.attestation_max_age.0 > 0, Fault::Zero)?;
        ensure(
            (UNBONDING_MIN..=UNBONDING_MAX).contains(&self.unbonding),
            Fault::UnbondingRange,
        )
    }

    /// Whether `to` is at most one step from here. It says nothing of whether `to` is valid: see [`Self::check`].
    ///
    /// A figure that is out of the range that holds now, set when there was none, counts as the nearest end of it:
    /// otherwise it could never be mended.
    pub fn step(&self, to: &Self) -> Result<(), Fault> {
        let bonds = [
            (self.minimum_bond.0, to.minimum_bond.0),
            (self.shard_bond.0, to.shard_bond.0),
        ];
        ensure(
            bonds
                .iter()
                .all(|(from, to)| doubled_to_halved(*from, *to) || around_zero(*from, *to, FIRST_BOND.0, LAST_BOND.0)),
            Fault::BondStep,
        )?;
        let durations = [
            (self.unbonding.clamp(UNBONDING_MIN, UNBONDING_MAX), to.unbonding),
            (self.attestation_max_age, to.attestation_max_age),
        ];
        ensure(
            durations
                .iter()
                .all(|(from, to)| doubled_to_halved(duration(*from), duration(*to))),
            Fault::ScaleStep,
        )?;
        let from = Self {
            protocol_fee: self.protocol_fee.min(PROTOCOL_FEE_MAX),
            ..*self
        };
        let pairs = from.shares().into_iter().zip(to.shares());
        ensure(
            pairs.into_iter().all(|(from, to)| share_step(from, to)),
            Fault::ShareStep,
        )?;
        self.ranking.step(&to.ranking)
    }

    fn shares(&self) -> [Bps; 4] {
        [
            self.capacity_share,
            self.expiry_slash,
            self.protocol_fee,
            self.burn_share,
        ]
    }
}

fn ensure(holds: bool, fault: Fault) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(fault) }
}

fn weights(weights: &Weights) -> [Bps; 4] {
    [
        weights.bandwidth,
        weights.proximity,
        weights.latency,
        weights.reputation,
    ]
}

/// A duration as a magnitude; one below zero, which no check lets pass, counts as none.
fn duration(seconds: Seconds) -> u64 {
    u64::try_from(seconds.0).unwrap_or(0)
}

/// Zero goes to zero alone: twice nothing is nothing.
fn doubled_to_halved(from: u64, to: u64) -> bool {
    to <= from.saturating_mul(2) && from <= to.saturating_mul(2)
}

/// Whether this is a step out of zero, to at most `first`, or into it, from at most `last`.
fn around_zero(from: u64, to: u64, first: u64, last: u64) -> bool {
    (from == 0 && to <= first) || (to == 0 && from <= last)
}

fn share_step(from: Bps, to: Bps) -> bool {
    from.0.abs_diff(to.0) <= SHARE_STEP.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::{Kbps, Kilometres, Micros};

    const NOW: Parameters = Parameters {
        minimum_bond: Lmr(100 * Lmr::ONE.0),
        shard_bond: Lmr(10 * Lmr::ONE.0),
        unbonding: Seconds(86_400),
        ranking: Ranking {
            scoring: Scoring {
                weights: Weights {
                    bandwidth: Bps(4_000),
                    proximity: Bps(3_000),
                    latency: Bps(2_000),
                    reputation: Bps(1_000),
                },
                reference: Kbps(100_000),
                half_distance: Kilometres(1_000),
                half_latency: Micros(50_000),
            },
            max_wait: Seconds(60),
        },
        attestation_max_age: Seconds(3_600),
        capacity_share: Bps(8_000),
        expiry_slash: Bps(5_000),
        protocol_fee: Bps(500),
        burn_share: Bps(5_000),
    };

    fn with(change: impl FnOnce(&mut Parameters)) -> Parameters {
        let mut parameters = NOW;
        change(&mut parameters);
        parameters
    }

    #[test]
    fn each_range_has_its_name() {
        assert_eq!(NOW.check(), Ok(()));
        let cases: [(Parameters, Fault); 14] = [
            (
                with(|it| it.ranking.scoring.weights.latency = Bps(2_001)),
                Fault::WeightsSum,
            ),
            (with(|it| it.capacity_share = Bps(10_001)), Fault::ShareRange),
            (with(|it| it.expiry_slash = Bps(10_001)), Fault::ShareRange),
            (with(|it| it.burn_share = Bps(10_001)), Fault::ShareRange),
            (with(|it| it.protocol_fee = Bps(2_001)), Fault::FeeRange),
            (with(|it| it.protocol_fee = Bps(u16::MAX)), Fault::ShareRange),
            (with(|it| it.ranking.scoring.reference = Kbps(0)), Fault::Zero),
            (with(|it| it.ranking.scoring.half_distance = Kilometres(0)), Fault::Zero),
            (with(|it| it.ranking.scoring.half_latency = Micros(0)), Fault::Zero),
            (with(|it| it.ranking.max_wait = Seconds(-1)), Fault::Zero),
            (with(|it| it.attestation_max_age = Seconds(0)), Fault::Zero),
            (with(|it| it.unbonding = Seconds(59)), Fault::UnbondingRange),
            (
                with(|it| it.unbonding = Seconds(60 * 86_400 + 1)),
                Fault::UnbondingRange,
            ),
            (with(|it| it.unbonding = Seconds(i64::MIN)), Fault::UnbondingRange),
        ];
        for (parameters, fault) in cases {
            assert_eq!(parameters.check(), Err(fault), "{parameters:?}");
        }
        for edge in [
            with(|it| it.protocol_fee = PROTOCOL_FEE_MAX),
            with(|it| it.unbonding = UNBONDING_MIN),
            with(|it| it.unbonding = UNBONDING_MAX),
            with(|it| it.ranking.max_wait = Seconds(0)),
            with(|it| it.expiry_slash = Bps::ONE),
        ] {
            assert_eq!(edge.check(), Ok(()), "{edge:?}");
        }
    }

    #[test]
    fn each_figure_moves_by_one_step_and_no_further() {
        type Change = fn(&mut Parameters);
        let cases: [(Change, Change, Fault); 13] = [
            (
                |it| it.minimum_bond.0 *= 2,
                |it| it.minimum_bond.0 = it.minimum_bond.0 * 2 + 1,
                Fault::BondStep,
            ),
            (
                |it| it.shard_bond.0 /= 2,
                |it| it.shard_bond.0 = it.shard_bond.0 / 2 - 1,
                Fault::BondStep,
            ),
            (
                |it| it.unbonding.0 *= 2,
                |it| it.unbonding.0 = it.unbonding.0 * 2 + 1,
                Fault::ScaleStep,
            ),
            (
                |it| it.attestation_max_age.0 /= 2,
                |it| it.attestation_max_age.0 = it.attestation_max_age.0 / 2 - 1,
                Fault::ScaleStep,
            ),
            (
                |it| it.ranking.max_wait.0 = 120,
                |it| it.ranking.max_wait.0 = 121,
                Fault::ScaleStep,
            ),
            (
                |it| it.ranking.scoring.reference.0 = 50_000,
                |it| it.ranking.scoring.reference.0 = 49_999,
                Fault::ScaleStep,
            ),
            (
                |it| it.ranking.scoring.half_distance.0 = 2_000,
                |it| it.ranking.scoring.half_distance.0 = 2_001,
                Fault::ScaleStep,
            ),
            (
                |it| it.ranking.scoring.half_latency.0 = 25_000,
                |it| it.ranking.scoring.half_latency.0 = 24_999,
                Fault::ScaleStep,
            ),
            (
                |it| it.ranking.scoring.weights.latency.0 = 3_000,
                |it| it.ranking.scoring.weights.latency.0 = 3_001,
                Fault::ShareStep,
            ),
            (
                |it| it.capacity_share.0 = 7_000,
                |it| it.capacity_share.0 = 6_999,
                Fault::ShareStep,
            ),
            (
                |it| it.expiry_slash.0 = 6_000,
                |it| it.expiry_slash.0 = 6_001,
                Fault::ShareStep,
            ),
            (
                |it| it.protocol_fee.0 = 1_500,
                |it| it.protocol_fee.0 = 1_501,
                Fault::ShareStep,
            ),
            (
                |it| it.burn_share.0 = 4_000,
                |it| it.burn_share.0 = 3_999,
                Fault::ShareStep,
            ),
        ];
        for (near, far, fault) in cases {
            assert_eq!(NOW.step(&with(near)), Ok(()), "{:?}", with(near));
            assert_eq!(NOW.step(&with(far)), Err(fault), "{:?}", with(far));
        }
    }

    #[test]
    fn zero_is_left_and_reached_by_small_amounts() {
        let bond =
            |from: u64, to: u64| with(|it| it.minimum_bond = Lmr(from)).step(&with(|it| it.minimum_bond = Lmr(to)));
        let one = Lmr::ONE.0;
        assert_eq!(bond(0, 1_000 * one), Ok(()));
        assert_eq!(bond(0, 1_000 * one + 1), Err(Fault::BondStep));
        assert_eq!(bond(one, 0), Ok(()));
        assert_eq!(bond(one + 1, 0), Err(Fault::BondStep));
        let wait = |from: i64, to: i64| {
            with(|it| it.ranking.max_wait = Seconds(from)).step(&with(|it| it.ranking.max_wait = Seconds(to)))
        };
        assert_eq!(wait(0, 60), Ok(()));
        assert_eq!(wait(0, 61), Err(Fault::ScaleStep));
        assert_eq!(wait(1, 0), Ok(()));
        assert_eq!(wait(2, 0), Err(Fault::ScaleStep));
    }

    #[test]
    fn what_is_out_of_range_can_be_mended() {
        let old = with(|it| {
            it.protocol_fee = Bps(9_000);
            it.unbonding = Seconds(1);
        });
        let mended = with(|it| {
            it.protocol_fee = PROTOCOL_FEE_MAX;
            it.unbonding = UNBONDING_MIN;
        });
        assert_eq!((mended.check(), old.step(&mended)), (Ok(()), Ok(())));
    }

    fn parameters() -> impl Strategy<Value = Parameters> {
        let figures = (
            any::<[u64; 2]>(),
            any::<[i64; 3]>(),
            any::<[u32; 3]>(),
            any::<[u16; 8]>(),
        );
        figures.prop_map(|(bonds, times, scales, shares)| Parameters {
            minimum_bond: Lmr(bonds[0]),
            shard_bond: Lmr(bonds[1]),
            unbonding: Seconds(times[0]),
            ranking: Ranking {
                scoring: Scoring {
                    weights: Weights {
                        bandwidth: Bps(shares[0]),
                        proximity: Bps(shares[1]),
                        latency: Bps(shares[2]),
                        reputation: Bps(shares[3]),
                    },
                    reference: Kbps(scales[0]),
                    half_distance: Kilometres(scales[1]),
                    half_latency: Micros(scales[2]),
                },
                max_wait: Seconds(times[1]),
            },
            attestation_max_age: Seconds(times[2]),
            capacity_share: Bps(shares[4]),
            expiry_slash: Bps(shares[5]),
            protocol_fee: Bps(shares[6]),
            burn_share: Bps(shares[7]),
        })
    }

    proptest! {
        #[test]
        fn no_input_panics(a in parameters(), b in parameters()) {
            let _ = (a.check(), a.step(&b));
        }

        #[test]
        fn staying_is_a_step(a in parameters()) {
            let valid = Parameters {
                unbonding: Seconds(a.unbonding.0.rem_euclid(UNBONDING_MAX.0).max(UNBONDING_MIN.0)),
                protocol_fee: Bps(a.protocol_fee.0 % (PROTOCOL_FEE_MAX.0 + 1)),
                ..a
            };
            prop_assert_eq!(valid.step(&valid), Ok(()));
        }

        #[test]
        fn a_step_between_values_above_zero_can_be_taken_back(from in 1u64.., to in 1u64..) {
            prop_assert_eq!(doubled_to_halved(from, to), doubled_to_halved(to, from));
        }

        #[test]
        fn a_bond_above_zero_moves_by_a_factor_of_two_at_most(from in 1u64.., to in 1u64..) {
            let step = with(|it| it.shard_bond = Lmr(from)).step(&with(|it| it.shard_bond = Lmr(to)));
            let (wide_from, wide_to) = (u128::from(from), u128::from(to));
            prop_assert_eq!(step.is_ok(), wide_to <= 2 * wide_from && wide_from <= 2 * wide_to);
        }

        #[test]
        fn a_share_moves_by_a_tenth_of_the_whole_at_most(from in 0u16..=10_000, to in 0u16..=10_000) {
            let step = with(|it| it.burn_share = Bps(from)).step(&with(|it| it.burn_share = Bps(to)));
            prop_assert_eq!(step.is_ok(), (i32::from(from) - i32::from(to)).abs() <= 1_000);
        }

        #[test]
        fn a_step_is_reached_from_both_ends_of_its_range(from in 1u64..u64::MAX / 2) {
            prop_assert!(doubled_to_halved(from, from * 2));
            prop_assert!(!doubled_to_halved(from, from * 2 + 1));
            prop_assert!(doubled_to_halved(from, from.div_ceil(2)));
            prop_assert!(from < 2 || !doubled_to_halved(from, from.div_ceil(2) - 1));
        }
    }
}
