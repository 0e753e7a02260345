//! When to prove an epoch's figures, and when to claim.

use lumora_core::{
    reason::Reason,
    units::{Lmr, Seconds},
};
use lumora_interface::{
    bandwidth::{Attestation, Epoch},
    rewards::{Emission, Reward},
};

/// What to do about rewards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Take this epoch's figures to the chain.
    Prove {
        /// Number of the epoch.
        epoch: u64,
    },
    /// Claim what is due, as far as the circuit breaker lets it out.
    Claim {
        /// LMR base units.
        amount: u64,
    },
    /// Nothing can be done now.
    Nothing(NoReward),
}

/// Why there is nothing to claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReward {
    /// No epoch was attested yet.
    NothingAttested,
    /// Attested, but it may still be disputed.
    NotFinal {
        /// The epoch.
        epoch: u64,
        /// Unix time from which it is final.
        final_at: i64,
    },
    /// The oracles attested nothing about this node.
    NotListed {
        /// The epoch.
        epoch: u64,
    },
    /// Proven, but the epoch's LMR is not minted yet.
    NotFunded {
        /// The epoch.
        epoch: u64,
        /// LMR base units that wait.
        amount: u64,
    },
    /// Less than a claim is worth by the owner's own setting.
    BelowMinimum {
        /// LMR base units that wait.
        amount: u64,
        /// As configured.
        minimum: u64,
    },
    /// The circuit breaker lets nothing out until its window is over.
    HeldBack {
        /// LMR base units that wait.
        amount: u64,
        /// Unix time from which a claim is paid again.
        until: i64,
    },
    /// Everything attested is claimed; the reason code says how the latest epoch went.
    AllClaimed {
        /// Code of `core::reason`.
        reason: u8,
    },
}

impl NoReward {
    /// Its name in reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingAttested => "nothing_attested",
            Self::NotFinal { .. } => "not_final",
            Self::NotListed { .. } => "not_listed",
            Self::NotFunded { .. } => "not_funded",
            Self::BelowMinimum { .. } => "below_minimum",
            Self::HeldBack { .. } => "held_back",
            Self::AllClaimed { .. } => "all_claimed",
        }
    }

    /// What it means and what to do about it.
    pub fn sentence(&self) -> String {
        match self {
            Self::NothingAttested => {
                "No epoch is attested yet. The first figures come one epoch after the first measurement.".into()
            }
            Self::NotFinal { epoch, final_at } => {
                format!("Epoch {epoch} is attested, and final from Unix time {final_at}. Nothing to do but wait.")
            }
            Self::NotListed { epoch } => format!(
                "The oracles measured nothing of this node in epoch {epoch}. {}",
                Reason::NoMeasurement.sentence()
            ),
            Self::NotFunded { epoch, amount } => format!(
                "{amount} base units of epoch {epoch} are proven and wait to be minted: somebody has to call \
                 `fund_epoch`, as oracles do."
            ),
            Self::BelowMinimum { amount, minimum } => {
                format!("{amount} base units wait; a claim is made from {minimum} on (`minimum_claim`).")
            }
            Self::HeldBack { amount, until } => format!(
                "{amount} base units wait: so much was claimed by others that the circuit breaker lets nothing out before \
                 Unix time {until}. Nothing is lost; nothing to do but wait."
            ),
            Self::AllClaimed { reason } => {
                let sentence = Reason::from_code(*reason).map_or("", Reason::sentence);
                format!("Everything attested is claimed. Of the latest epoch: {sentence}")
            }
        }
    }
}

/// The decision. `epochs`: the latest attested ones, in any order; `unlisted`: those in which the oracles have no leaf
/// for this node. Amounts in LMR base units.
pub fn next(
    now: i64,
    epochs: &[Epoch],
    unlisted: impl Fn(u64) -> bool,
    attestation: Option<&Attestation>,
    reward: Option<&Reward>,
    emission: &Emission,
    minimum_claim: u64,
) -> Next {
    let proven = attestation.map(|attestation| attestation.epoch);
    // Figures are cumulative: only the newest epoch needs a proof.
    let newest = epochs
        .iter()
        .filter(|epoch| epoch.is_final(now) && proven.is_none_or(|proven| epoch.epoch > proven))
        .filter(|epoch| !unlisted(epoch.epoch))
        .map(|epoch| epoch.epoch)
        .max();
    if let Some(epoch) = newest {
        return Next::Prove { epoch };
    }
    let Some(attestation) = attestation else {
        return Next::Nothing(match epochs.iter().max_by_key(|epoch| epoch.epoch) {
            Some(epoch) if unlisted(epoch.epoch) => NoReward::NotListed { epoch: epoch.epoch },
            Some(epoch) if epoch.final_at > now => NoReward::NotFinal {
                epoch: epoch.epoch,
                final_at: epoch.final_at,
            },
            _ => NoReward::NothingAttested,
        });
    };
    let claimed = reward.map_or(0, |reward| reward.claimed);
    let amount = attestation.cumulative_reward.saturating_sub(claimed);
    if amount == 0 {
        return Next::Nothing(NoReward::AllClaimed {
            reason: attestation.reason,
        });
    }
    // The pool holds an epoch's LMR once `fund_epoch` has passed it.
    if emission.fundable_from <= attestation.epoch {
        return Next::Nothing(NoReward::NotFunded {
            epoch: attestation.epoch,
            amount,
        });
    }
    if amount < minimum_claim {
        return Next::Nothing(NoReward::BelowMinimum {
            amount,
            minimum: minimum_claim,
        });
    }
    let breaker = emission.breaker();
    match breaker.take(Lmr(amount), Seconds(now)) {
        (Lmr(0), _) => Next::Nothing(NoReward::HeldBack {
            amount,
            until: breaker.since.0.saturating_add(i64::from(breaker.seconds)),
        }),
        (Lmr(amount), _) => Next::Claim { amount },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytemuck::Zeroable;
    use lumora_interface::bandwidth::epoch_state;
    use proptest::prelude::*;

    use super::*;

    fn epoch(number: u64, final_at: i64) -> Epoch {
        Epoch {
            epoch: number,
            state: epoch_state::ATTESTED,
            final_at,
            ..Epoch::zeroed()
        }
    }

    fn attestation(number: u64, cumulative_reward: u64) -> Attestation {
        Attestation {
            epoch: number,
            cumulative_reward,
            ..Attestation::zeroed()
        }
    }

    fn emission(fundable_from: u64) -> Emission {
        Emission {
            fundable_from,
            ..Emission::zeroed()
        }
    }

    fn reward(claimed: u64) -> Reward {
        Reward {
            claimed,
            ..Reward::zeroed()
        }
    }

    #[test]
    fn an_epoch_goes_from_attested_to_claimed() {
        let step = |now, attestation: Option<Attestation>, claimed: Option<u64>, fundable| {
            let (epochs, reward) = ([epoch(3, 100)], claimed.map(reward));
            next(
                now,
                &epochs,
                |_| false,
                attestation.as_ref(),
                reward.as_ref(),
                &emission(fundable),
                1,
            )
        };
        let not_final = NoReward::NotFinal {
            epoch: 3,
            final_at: 100,
        };
        assert_eq!(step(99, None, None, 0), Next::Nothing(not_final));
        assert_eq!(step(100, None, None, 0), Next::Prove { epoch: 3 });
        let proven = Some(attestation(3, 50));
        let not_funded = NoReward::NotFunded { epoch: 3, amount: 50 };
        assert_eq!(step(100, proven, None, 3), Next::Nothing(not_funded));
        assert_eq!(step(100, proven, None, 4), Next::Claim { amount: 50 });
        assert_eq!(step(100, proven, Some(20), 4), Next::Claim { amount: 30 });
        assert_eq!(
            step(100, proven, Some(50), 4),
            Next::Nothing(NoReward::AllClaimed { reason: 0 })
        );
    }

    #[test]
    fn the_circuit_breaker_is_asked_before_a_claim_is_paid_for() {
        let guarded = |used| Emission {
            breaker_limit: 40,
            breaker_used: used,
            breaker_since: 100,
            breaker_seconds: 60,
            ..emission(4)
        };
        let proven = attestation(3, 50);
        let step = |now, used| next(now, &[], |_| false, Some(&proven), None, &guarded(used), 1);
        assert_eq!(step(120, 10), Next::Claim { amount: 30 });
        let held_back = NoReward::HeldBack { amount: 50, until: 160 };
        assert_eq!(step(159, 40), Next::Nothing(held_back));
        assert_eq!(step(160, 40), Next::Claim { amount: 40 });
    }

    #[test]
    fn only_the_newest_final_epoch_is_proven() {
        let epochs = [epoch(3, 100), epoch(5, 900), epoch(4, 100)];
        assert_eq!(
            next(200, &epochs, |_| false, Some(&attestation(2, 0)), None, &emission(9), 1),
            Next::Prove { epoch: 4 }
        );
        assert_eq!(
            next(
                200,
                &epochs,
                |epoch| epoch == 4,
                Some(&attestation(2, 0)),
                None,
                &emission(9),
                1
            ),
            Next::Prove { epoch: 3 }
        );
    }

    #[test]
    fn a_node_that_no_oracle_lists_is_told_so() {
        let said = next(200, &[epoch(3, 100)], |_| true, None, None, &emission(9), 1);
        assert_eq!(said, Next::Nothing(NoReward::NotListed { epoch: 3 }));
    }

    proptest! {
        #[test]
        fn never_more_than_is_due_and_never_before_it_is_minted(
            now in any::<i64>(), number in any::<u64>(), lifetime in any::<u64>(), claimed in any::<u64>(), fundable in any::<u64>(), minimum in any::<u64>(),
        ) {
            let proven = attestation(number, lifetime);
            match next(now, &[], |_| false, Some(&proven), Some(&reward(claimed)), &emission(fundable), minimum) {
                Next::Claim { amount } => {
                    prop_assert_eq!(claimed.checked_add(amount), Some(lifetime));
                    prop_assert!(fundable > number && amount >= minimum && amount > 0);
                }
                Next::Prove { .. } => prop_assert!(false, "there is no epoch to prove"),
                Next::Nothing(_) => {}
            }
        }

        #[test]
        fn an_epoch_is_proven_once(number in any::<u64>(), now in any::<i64>()) {
            let proven = attestation(number, 0);
            let said = next(now, &[epoch(number, i64::MIN)], |_| false, Some(&proven), None, &emission(0), 1);
            prop_assert_eq!(said, Next::Nothing(NoReward::AllClaimed { reason: 0 }));
        }
    }
}
