//! Reputation from what the chain knows of a node's work.

use crate::units::Bps;

/// Weight of the benefit of the doubt: a new node counts as one that has completed this many shards.
const PRIOR: u64 = 8;

/// Share of a node's shards that it completed, where a new node starts at one: (completed + prior) / (completed + failed
/// + expired + prior). A shard that expired counts twice, for somebody waited for it in vain.
pub fn from_outcomes(completed: u64, failed: u64, expired: u64) -> Bps {
    let good = completed.saturating_add(PRIOR);
    let bad = failed.saturating_add(expired).saturating_add(expired);
    Bps::ratio(good, good.saturating_add(bad))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_node_is_trusted_and_failure_costs() {
        assert_eq!(from_outcomes(0, 0, 0), Bps::ONE);
        assert_eq!(from_outcomes(0, 8, 0), Bps(5_000));
        assert_eq!(from_outcomes(0, 0, 4), Bps(5_000));
    }

    proptest! {
        #[test]
        fn work_done_never_lowers_it(completed in any::<u64>(), failed in any::<u64>(), expired in any::<u64>()) {
            let now = from_outcomes(completed, failed, expired);
            prop_assert!(now <= Bps::ONE);
            prop_assert!(from_outcomes(completed.saturating_add(1), failed, expired) >= now);
            prop_assert!(from_outcomes(completed, failed.saturating_add(1), expired) <= now);
        }
    }
}
