//! An allocation from the early-participant pool.

use anchor_lang::prelude::*;
use lumora_core::units::{Lmr, Seconds};

use super::Emission;
use crate::error::RewardsError;

lumora_interface::grant_account!(#[account]);

const _: () = assert!(8 + size_of::<Grant>() == 136);

impl Grant {
    /// What has vested by `now` and is not released yet.
    pub fn releasable(&self, emission: &Emission, now: i64) -> Result<u64> {
        let vesting = emission.plain().vesting(Seconds(self.starts_at));
        let vested = vesting.vested(Lmr(self.amount), Seconds(now)).0;
        vested
            .checked_sub(self.released)
            .ok_or_else(|| RewardsError::Invariant.into())
    }

    /// What is still to be released, now or later.
    pub fn outstanding(&self) -> Result<u64> {
        self.amount
            .checked_sub(self.released)
            .ok_or_else(|| RewardsError::Invariant.into())
    }
}
