//! How much LMR may be minted, and how much was.

use lumora_core::{
    emission::{Breaker, Schedule},
    units::{Bps, Lmr, Seconds},
    vesting::Vesting,
};

use crate::Address;

/// Declares [`Emission`].
#[macro_export]
macro_rules! emission_account {
    ($(#[$attribute:meta])*) => {
        /// The emission schedule and what was minted under it. This account is also the authority of the mint and of the
        /// program's token accounts: the pool, the early-participant pool and the fees. Amounts are LMR base units.
        $(#[$attribute])*
        pub struct Emission {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Bump of the mint's address.
            pub mint_bump: u8,
            /// Bump of the pool's address.
            pub pool_bump: u8,
            /// Bump of the early-participant pool's address.
            pub early_bump: u8,
            /// Bump of the fees' token account; zero in accounts that are older than it.
            pub fees_bump: u8,
            /// How much less each cycle mints than the one before, in basis points.
            pub decay: u16,
            /// The LMR mint.
            pub mint: Address,
            /// Unix time at which epoch 0 begins.
            pub genesis: i64,
            /// Seconds of an epoch.
            pub epoch_seconds: u32,
            /// Epochs in a cycle.
            pub epochs_per_cycle: u32,
            /// What each epoch of the first cycle may mint.
            pub first_amount: u64,
            /// Most that all epochs together may mint.
            pub cap: u64,
            /// Minted for epochs so far.
            pub minted: u64,
            /// Lowest epoch that may still be funded; a later one includes what was attested before.
            pub fundable_from: u64,
            /// Claimed by nodes so far.
            pub claimed: u64,
            /// Minted into the early-participant pool at genesis.
            pub early_minted: u64,
            /// Granted from the early-participant pool so far, be it released or not.
            pub early_granted: u64,
            /// Burned of fees so far.
            pub burned: u64,
            /// Circuit breaker: most that may be claimed in one window; zero switches it off.
            pub breaker_limit: u64,
            /// Circuit breaker: claimed in the current window.
            pub breaker_used: u64,
            /// Circuit breaker: Unix time at which the current window began.
            pub breaker_since: i64,
            /// Circuit breaker: seconds of a window.
            pub breaker_seconds: u32,
            /// Zero.
            pub _padding: u32,
            /// Granted from the early-participant pool, but not released yet.
            pub early_outstanding: u64,
            /// Seconds after a grant during which nothing of it vests.
            pub vesting_cliff_seconds: u32,
            /// Seconds after which all of a grant has vested; zero: at once.
            pub vesting_seconds: u32,
            /// Room for later fields; zero.
            pub _reserved: [u8; 112],
        }
    };
}

emission_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Emission,
    owner = super::ID,
    discriminator = [56, 101, 133, 79, 248, 233, 131, 140]
);

impl Emission {
    /// The schedule as the rule in `core` takes it.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            genesis: Seconds(self.genesis),
            epoch_seconds: self.epoch_seconds,
            first_amount: Lmr(self.first_amount),
            epochs_per_cycle: self.epochs_per_cycle,
            decay: Bps(self.decay),
            cap: Lmr(self.cap),
        }
    }

    /// The circuit breaker as the rule in `core` takes it.
    pub fn breaker(&self) -> Breaker {
        Breaker {
            limit: Lmr(self.breaker_limit),
            seconds: self.breaker_seconds,
            used: Lmr(self.breaker_used),
            since: Seconds(self.breaker_since),
        }
    }

    /// How a grant of that time vests, as the rule in `core` takes it.
    pub fn vesting(&self, starts_at: Seconds) -> Vesting {
        Vesting {
            starts_at,
            cliff_seconds: self.vesting_cliff_seconds,
            seconds: self.vesting_seconds,
        }
    }
}
