//! How much LMR may be minted, and how much was.

use anchor_lang::prelude::*;
use lumora_core::{
    emission::Schedule,
    units::{Bps, Lmr, Seconds},
};
use lumora_interface::rewards::SUPPLY_CAP;

use crate::{constants::EMISSION, error::RewardsError};

lumora_interface::emission_account!(#[account]);

const _: () = assert!(8 + size_of::<Emission>() == 288);

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

    /// Seeds under which this account signs as authority of the mint and of the pools; `bump` is [`Self::bump`].
    pub fn signer_seeds(bump: &[u8; 1]) -> [&[u8]; 2] {
        [EMISSION, bump]
    }

    /// Must hold after every change: nothing beyond the schedule's cap, the pools or the supply cap.
    pub fn invariant(&self) -> Result<()> {
        let supply = self.cap.checked_add(self.early_minted).ok_or(RewardsError::Overflow)?;
        require!(supply <= SUPPLY_CAP, RewardsError::CapExceeded);
        require!(
            self.minted <= self.cap && self.claimed <= self.minted && self.early_granted <= self.early_minted,
            RewardsError::Invariant
        );
        Ok(())
    }
}
