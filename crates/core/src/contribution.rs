//! What a node contributed in an epoch and its part of the epoch's reward: `C_i = contributed_i / total`,
//! `R_i = C_i x R_total`, scaled by reputation. What is not paid is not minted.

use crate::units::{Bps, Kbps, Lmr};

/// Contribution in kbit: the proven rate, within the provider's limit, over the seconds it was available.
pub fn contribution(measured: Kbps, limit: Kbps, available_seconds: u32) -> u64 {
    u64::from(measured.min(limit).0).saturating_mul(u64::from(available_seconds))
}

/// Seconds of an epoch that count as available, from the share of its measurement rounds that the node answered.
pub fn available_seconds(uptime: Bps, epoch_seconds: u32) -> u32 {
    // At most `epoch_seconds`.
    uptime.of(u64::from(epoch_seconds)) as u32
}

/// A node's part of `epoch_total`, rounded down. The parts of all nodes never sum to more than `epoch_total`.
pub fn reward(contribution: u64, total_contribution: u64, epoch_total: Lmr, reputation: Bps) -> Lmr {
    if total_contribution == 0 {
        return Lmr(0);
    }
    let contribution = u128::from(contribution.min(total_contribution));
    // At most `epoch_total`, so it fits.
    let base = (contribution.saturating_mul(u128::from(epoch_total.0)) / u128::from(total_contribution)) as u64;
    Lmr(reputation.of(base))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_limit_caps_the_contribution() {
        assert_eq!(contribution(Kbps(300), Kbps(100), 60), 6_000);
        assert_eq!(reward(1, 4, Lmr(1_000), Bps(5_000)), Lmr(125));
        assert_eq!(reward(1, 0, Lmr(1_000), Bps::ONE), Lmr(0));
    }

    proptest! {
        #[test]
        fn the_parts_never_exceed_the_whole(parts in prop::collection::vec((any::<u32>(), any::<u16>()), 1..50), total in any::<u64>()) {
            let sum: u64 = parts.iter().map(|(c, _)| u64::from(*c)).sum();
            let paid: Vec<u64> = parts.iter().map(|(c, r)| reward(u64::from(*c), sum, Lmr(total), Bps(*r)).0).collect();
            prop_assert!(paid.iter().map(|p| u128::from(*p)).sum::<u128>() <= u128::from(total));
        }
    }
}
