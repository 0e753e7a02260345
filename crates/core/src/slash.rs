//! Who gets what is taken of a bond. Fixed here, so that nobody who may slash can choose where the money goes.

use crate::units::{Bps, Lmr};

/// Of every slash, for whoever reported the offence: enough to be worth a transaction, too little to be worth provoking one.
pub const REPORTER_SHARE: Bps = Bps(1_000);

/// Of a slash with an injured party, for that party.
pub const INJURED_SHARE: Bps = Bps(5_000);

/// Parts of a slashed amount; they sum to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slashed {
    /// For whoever reported the offence.
    pub reporter: Lmr,
    /// For whom the offence cost something, such as the client of a job.
    pub injured: Lmr,
    /// The rest.
    pub burned: Lmr,
}

/// Splits what is taken of a bond. A party that is absent, or whose token account cannot receive, gets nothing: its part is
/// burned, so that no closed account can block a slash.
pub fn split(amount: Lmr, reporter: bool, injured: bool) -> Slashed {
    let part = |present: bool, share: Bps| Lmr(if present { share.of(amount.0) } else { 0 });
    let (reporter, injured) = (part(reporter, REPORTER_SHARE), part(injured, INJURED_SHARE));
    let burned = Lmr(amount.0.saturating_sub(reporter.0).saturating_sub(injured.0));
    Slashed {
        reporter,
        injured,
        burned,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tenth_to_the_reporter_and_half_to_the_injured() {
        assert_eq!(
            split(Lmr(1_000), true, true),
            Slashed {
                reporter: Lmr(100),
                injured: Lmr(500),
                burned: Lmr(400),
            }
        );
        assert_eq!(split(Lmr(1_000), true, false).burned, Lmr(900));
        assert_eq!(split(Lmr(1_000), false, false).burned, Lmr(1_000));
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_whole(amount: u64, reporter: bool, injured: bool) {
            let parts = split(Lmr(amount), reporter, injured);
            let sum = u128::from(parts.reporter.0) + u128::from(parts.injured.0) + u128::from(parts.burned.0);
            prop_assert_eq!(sum, u128::from(amount));
        }
    }
}
