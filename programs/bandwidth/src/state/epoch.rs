//! One reward period.

use anchor_lang::prelude::*;
use lumora_interface::bandwidth::{self as interface, epoch_state};

use crate::error::BandwidthError;

lumora_interface::epoch_account!(#[account]);

const _: () = assert!(8 + size_of::<Epoch>() == 2_456);

impl Epoch {
    /// The same account as everybody else sees it, with the rules that all share.
    pub fn plain(&self) -> &interface::Epoch {
        bytemuck::cast_ref(self)
    }

    /// Whether member `index` of the oracle set is one of this epoch.
    pub fn has_member(&self, index: usize) -> bool {
        u32::try_from(index).is_ok_and(|bit| self.members.checked_shr(bit).unwrap_or(0) & 1 == 1)
    }

    /// Must hold after every change: nobody but members commits, and an attestation has its quorum.
    pub fn invariant(&self) -> Result<()> {
        require!(self.committed & !self.members == 0, BandwidthError::Invariant);
        require!(self.signers & !self.members == 0, BandwidthError::Invariant);
        require!(self.bundles & !self.committed == 0, BandwidthError::Invariant);
        if self.state == epoch_state::ATTESTED {
            require!(
                self.signers.count_ones() >= u32::from(self.quorum),
                BandwidthError::Invariant
            );
        }
        Ok(())
    }
}
