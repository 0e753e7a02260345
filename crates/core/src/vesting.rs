//! How much of a grant has vested: nothing before a cliff, then in step with time since the grant, all of it at the end.

use crate::units::{Lmr, Seconds};

/// When a grant vests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vesting {
    /// When it was granted.
    pub starts_at: Seconds,
    /// Seconds during which nothing vests. What would have vested by then does so at once afterwards.
    pub cliff_seconds: u32,
    /// Seconds after which all has vested; zero: at once.
    pub seconds: u32,
}

impl Vesting {
    /// What has vested of `amount` by `now`, rounded down. Never falls as time passes.
    pub fn vested(&self, amount: Lmr, now: Seconds) -> Lmr {
        match u64::try_from(now.0.saturating_sub(self.starts_at.0)) {
            Ok(elapsed) if elapsed >= u64::from(self.cliff_seconds) => {
                Lmr(share(amount.0, elapsed, u64::from(self.seconds)))
            }
            _ => Lmr(0),
        }
    }
}

/// Exactly `amount * part / whole`, rounded down, at most `amount`.
fn share(amount: u64, part: u64, whole: u64) -> u64 {
    // Without the 128-bit division that is dear on chain: `part < whole < 2^32`, so no product overflows.
    match (amount.checked_div(whole), amount.checked_rem(whole)) {
        (Some(quotient), Some(rest)) if part < whole => quotient
            .saturating_mul(part)
            .saturating_add(rest.saturating_mul(part).checked_div(whole).unwrap_or(0)),
        _ => amount,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEAR: u32 = 31_536_000;

    #[test]
    fn nothing_before_the_cliff_then_in_step_with_time() {
        let vesting = Vesting {
            starts_at: Seconds(1_000),
            cliff_seconds: YEAR / 4,
            seconds: YEAR,
        };
        let after = |seconds: u32| vesting.vested(Lmr(1_001), Seconds(1_000 + i64::from(seconds))).0;
        assert_eq!(after(0), 0);
        assert_eq!(after(YEAR / 4 - 1), 0);
        assert_eq!(after(YEAR / 4), 250);
        assert_eq!(after(YEAR / 2), 500);
        assert_eq!(after(YEAR - 1), 1_000);
        assert_eq!(after(YEAR), 1_001);
    }

    #[test]
    fn without_a_schedule_all_vests_at_once() {
        let vesting = Vesting {
            starts_at: Seconds(5),
            cliff_seconds: 0,
            seconds: 0,
        };
        assert_eq!(vesting.vested(Lmr(7), Seconds(4)), Lmr(0));
        assert_eq!(vesting.vested(Lmr(7), Seconds(5)), Lmr(7));
    }

    proptest! {
        #[test]
        fn never_falls_and_never_exceeds_the_amount(
            starts_at: i64, cliff_seconds: u32, seconds: u32, amount: u64, now: i64, later in 0..i64::MAX,
        ) {
            let vesting = Vesting { starts_at: Seconds(starts_at), cliff_seconds, seconds };
            let before = vesting.vested(Lmr(amount), Seconds(now));
            prop_assert!(before <= Lmr(amount));
            prop_assert!(vesting.vested(Lmr(amount), Seconds(now.saturating_add(later))) >= before);
        }

        #[test]
        fn nothing_before_the_cliff_and_all_at_the_end(
            starts_at in -1_000_000_000_000i64..1_000_000_000_000, cliff_seconds: u32, seconds: u32, amount: u64, early in 1i64..1_000,
        ) {
            let vesting = Vesting { starts_at: Seconds(starts_at), cliff_seconds, seconds };
            let cliff = starts_at + i64::from(cliff_seconds);
            let end = starts_at + i64::from(cliff_seconds.max(seconds));
            prop_assert_eq!(vesting.vested(Lmr(amount), Seconds(cliff - early)), Lmr(0));
            prop_assert_eq!(vesting.vested(Lmr(amount), Seconds(end)), Lmr(amount));
        }

        #[test]
        fn is_the_exact_share_rounded_down(cliff in 0u32..100, seconds in 100u32.., amount: u64, elapsed in 100u32..) {
            let vesting = Vesting { starts_at: Seconds(0), cliff_seconds: cliff, seconds };
            let exact = u128::from(amount) * u128::from(elapsed.min(seconds)) / u128::from(seconds);
            prop_assert_eq!(u128::from(vesting.vested(Lmr(amount), Seconds(elapsed.into())).0), exact);
        }
    }
}
