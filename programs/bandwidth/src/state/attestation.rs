//! A node's latest proven figures.

use anchor_lang::prelude::*;
use lumora_core::units::Bps;

use crate::error::BandwidthError;

lumora_interface::attestation_account!(#[account]);

const _: () = assert!(8 + size_of::<Attestation>() == 176);

impl Attestation {
    /// Must hold after every proof.
    pub fn invariant(&self) -> Result<()> {
        require!(
            self.uptime_bps <= Bps::ONE.0
                && self.reputation_bps <= Bps::ONE.0
                && self.contribution <= self.cumulative_contribution,
            BandwidthError::Invariant
        );
        Ok(())
    }
}
