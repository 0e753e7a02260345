//! How much LMR an epoch may mint, a first amount that decays once per cycle, under a cap; and how much may leave the
//! pool in a window of time.

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

    /// Most that the epochs which begin within `seconds` may mint, whenever that is.
    pub fn most_within(&self, seconds: u32) -> Lmr {
        let epochs = seconds.div_ceil(self.epoch_seconds.max(1));
        // No epoch may mint more than one of the first cycle.
        Lmr(self.first_amount.0.saturating_mul(u64::from(epochs)).min(self.cap.0))
    }
}

/// The circuit breaker: within a window of time, at most so much may leave the pool. It slows down whoever has found a
/// way to claim what is not theirs, so that the oracles and the authority have time to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Most that may leave in one window; zero switches the breaker off.
    pub limit: Lmr,
    /// Length of a window.
    pub seconds: u32,
    /// What has left in the window that began at `since`.
    pub used: Lmr,
    /// When that window began.
    pub since: Seconds,
}

impl Breaker {
    /// Shortest window.
    pub const MIN_SECONDS: u32 = 60;
    /// Longest window: an honest claim never waits longer than this for its turn to be counted anew.
    pub const MAX_SECONDS: u32 = 86_400;
    /// The limit is at least so many times what the schedule mints in a window: the pool then empties faster than it
    /// fills, so the breaker delays honest claims but cannot hold them up for good.
    pub const MIN_MULTIPLE: u64 = 2;

    /// Whether a breaker with this limit and window may be set on the schedule.
    pub fn is_valid(limit: Lmr, seconds: u32, schedule: &Schedule) -> bool {
        let least = schedule.most_within(seconds).0.saturating_mul(Self::MIN_MULTIPLE);
        limit.0 == 0 || ((Self::MIN_SECONDS..=Self::MAX_SECONDS).contains(&seconds) && limit.0 >= least)
    }

    /// Lets out as much of `due` as the window at `now` has left, which may be nothing: that much, and the breaker
    /// afterwards. A new window begins with the first payment after the last one is over.
    pub fn take(self, due: Lmr, now: Seconds) -> (Lmr, Self) {
        if self.limit.0 == 0 {
            return (due, self);
        }
        let ends_at = self.since.0.saturating_add(i64::from(self.seconds));
        let window = if now.0 >= ends_at {
            Self {
                used: Lmr(0),
                since: now,
                ..self
            }
        } else {
            self
        };
        let paid = Lmr(due.0.min(window.limit.0.saturating_sub(window.used.0)));
        let used = Lmr(window.used.0.saturating_add(paid.0));
        (paid, Self { used, ..window })
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

    const BREAKER: Breaker = Breaker {
        limit: Lmr(100),
        seconds: 60,
        used: Lmr(0),
        since: Seconds(0),
    };

    #[test]
    fn a_window_lets_out_its_limit_and_no_more() {
        let (paid, breaker) = BREAKER.take(Lmr(70), Seconds(1_000));
        assert_eq!((paid, breaker.since), (Lmr(70), Seconds(1_000)));
        let (paid, breaker) = breaker.take(Lmr(70), Seconds(1_059));
        assert_eq!((paid, breaker.used), (Lmr(30), Lmr(100)));
        let (paid, breaker) = breaker.take(Lmr(40), Seconds(1_059));
        assert_eq!(paid, Lmr(0));
        let (paid, breaker) = breaker.take(Lmr(40), Seconds(1_060));
        assert_eq!((paid, breaker.used, breaker.since), (Lmr(40), Lmr(40), Seconds(1_060)));
    }

    #[test]
    fn a_breaker_without_a_limit_lets_everything_out() {
        let off = Breaker {
            limit: Lmr(0),
            ..BREAKER
        };
        assert_eq!(off.take(Lmr(u64::MAX), Seconds(5)), (Lmr(u64::MAX), off));
    }

    #[test]
    fn the_limit_is_at_least_twice_what_a_window_mints() {
        // Epochs of 60 s that mint 100 each: 61 s touch the beginnings of two.
        assert_eq!(SCHEDULE.most_within(60), Lmr(100));
        assert_eq!(SCHEDULE.most_within(61), Lmr(200));
        let valid = |limit, seconds| Breaker::is_valid(Lmr(limit), seconds, &SCHEDULE);
        assert!(valid(200, 60) && !valid(199, 60));
        assert!(valid(400, 61) && !valid(399, 61));
        assert!(!valid(1_000_000, 59) && !valid(u64::MAX, 86_401));
        assert!(valid(0, 0) && valid(0, u32::MAX));
    }

    proptest! {
        #[test]
        fn no_window_lets_out_more_than_the_limit(
            limit in 1u64.., seconds in 60u32..=86_400, claims in prop::collection::vec((any::<u64>(), 0i64..100_000), 1..50),
        ) {
            let mut breaker = Breaker { limit: Lmr(limit), seconds, ..BREAKER };
            let (mut now, mut window, mut sum) = (0i64, 0i64, 0u128);
            for (due, wait) in claims {
                now += wait;
                let (paid, after) = breaker.take(Lmr(due), Seconds(now));
                if after.since.0 != window {
                    prop_assert!(after.since.0 - window >= i64::from(seconds));
                    (window, sum) = (after.since.0, 0);
                }
                sum += u128::from(paid.0);
                prop_assert!(paid.0 <= due && sum <= u128::from(limit));
                // Nothing is held back that the window still has room for.
                prop_assert!(paid.0 == due || sum == u128::from(limit));
                breaker = after;
            }
        }

        #[test]
        fn no_window_mints_more_than_the_breaker_assumes(
            first in 1u64..1_000_000, epoch_seconds in 1u32..100_000, decay in 0u16..=10_000, seconds in 60u32..=86_400, start in 0u64..10_000_000,
        ) {
            let schedule = Schedule { first_amount: Lmr(first), epoch_seconds, decay: Bps(decay), cap: Lmr(u64::MAX), ..SCHEDULE };
            // The epochs that begin in the `seconds` from `start` on.
            let begun = |before: u64| before.div_ceil(u64::from(epoch_seconds));
            let minted = |epochs: u64| epochs.checked_sub(1).map_or(0, |last| schedule.cumulative(last).0);
            let within = minted(begun(start + u64::from(seconds))) - minted(begun(start));
            prop_assert!(within <= schedule.most_within(seconds).0);
        }

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
