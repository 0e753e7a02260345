//! How much LMR an epoch may mint: a first amount that decays once per cycle, under a cap.

use crate::units::{Bps, Lmr, Seconds};

/// The emission schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When epoch 0 begins.
    pub genesis: Seconds,
    /// Length of an epoch.
    pub epoch_seconds: u32,
    /// What each epoch of the first cycle may mint.
    pub first_amount: Lmr,
    /// Epochs in a cycle.
    pub epochs_per_cycle: u32,
    /// How much less each cycle mints than the one before.
    pub decay: Bps,
    /// Most that all epochs together may mint.
    pub cap: Lmr,
}

impl Schedule {
    /// When epoch `epoch` begins.
    pub fn begins_at(&self, epoch: u64) -> Seconds {
        let offset = epoch.saturating_mul(u64::from(self.epoch_seconds));
        Seconds(self.genesis.0.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX)))
    }

    /// The epoch in progress at `now`, or `None` before genesis.
    pub fn epoch_at(&self, now: Seconds) -> Option<u64> {
        let elapsed = u64::try_from(now.0.checked_sub(self.genesis.0)?).ok()?;
        elapsed.checked_div(u64::from(self.epoch_seconds))
    }

    /// What epoch `epoch` may mint.
    pub fn amount(&self, epoch: u64) -> Lmr {
        let before = epoch.checked_sub(1).map_or(0, |last| self.cumulative(last).0);
        Lmr(self.cumulative(epoch).0.saturating_sub(before))
    }

    /// What epochs 0 to `epoch` together may mint.
    pub fn cumulative(&self, epoch: u64) -> Lmr {
        let per_cycle = u64::from(self.epochs_per_cycle.max(1));
        let mut remaining = epoch.saturating_add(1);
        let mut amount = self.first_amount.0;
        let mut sum = 0u64;
        // The amount falls by at least one a cycle while there is decay, and without decay one step covers it all; a
        // decay of 5 % reaches zero within some 600 cycles.
        while remaining > 0 && amount > 0 && sum < self.cap.0 {
            let epochs = if self.decay.0 == 0 {
                remaining
            } else {
                remaining.min(per_cycle)
            };
            sum = sum.saturating_add(amount.saturating_mul(epochs));
            remaining = remaining.saturating_sub(epochs);
            amount = self.decay.complement().of(amount);
        }
        Lmr(sum.min(self.cap.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCHEDULE: Schedule = Schedule {
        genesis: Seconds(1_000),
        epoch_seconds: 60,
        first_amount: Lmr(100),
        epochs_per_cycle: 2,
        decay: Bps(500),
        cap: Lmr(1_000_000),
    };

    #[test]
    fn five_per_cent_less_each_cycle() {
        let amounts: [u64; 5] = core::array::from_fn(|epoch| SCHEDULE.amount(epoch as u64).0);
        assert_eq!(amounts, [100, 100, 95, 95, 90]);
        assert_eq!(SCHEDULE.cumulative(4), Lmr(480));
    }

    #[test]
    fn epochs_follow_the_clock() {
        assert_eq!(SCHEDULE.epoch_at(Seconds(999)), None);
        assert_eq!(SCHEDULE.epoch_at(Seconds(1_059)), Some(0));
        assert_eq!(SCHEDULE.epoch_at(Seconds(1_060)), Some(1));
        assert_eq!(SCHEDULE.begins_at(1), Seconds(1_060));
    }

    proptest! {
        #[test]
        fn never_past_the_cap_and_never_falling(
            first in any::<u64>(), per_cycle in any::<u32>(), decay in 1u16..=10_000, cap in any::<u64>(), epoch in 0u64..100_000,
        ) {
            let schedule = Schedule { first_amount: Lmr(first), epochs_per_cycle: per_cycle, decay: Bps(decay), cap: Lmr(cap), ..SCHEDULE };
            let sum = schedule.cumulative(epoch);
            prop_assert!(sum <= Lmr(cap));
            prop_assert!(schedule.cumulative(epoch.saturating_add(1)) >= sum);
        }
    }
}
