//! One reward period.

use anchor_lang::prelude::*;
use lumora_interface::bandwidth::{self as interface, VOID, epoch_state, member};

use super::OracleSet;
use crate::error::BandwidthError;

lumora_interface::epoch_account!(#[account]);

const _: () = assert!(8 + size_of::<Epoch>() == 2_456);

impl Epoch {
    /// The same account as everybody else sees it, with the rules that all share.
    pub fn plain(&self) -> &interface::Epoch {
        bytemuck::cast_ref(self)
    }

    /// Whether seat `index` of the oracle set was a member when this epoch was opened.
    pub fn has_member(&self, index: usize) -> bool {
        u32::try_from(index).is_ok_and(|bit| self.members.checked_shr(bit).unwrap_or(0) & 1 == 1)
    }

    /// Seat of the oracle that signs with `key`, if it is a member of this epoch whose word counts; else `stranger`, or that
    /// it is jailed.
    pub(crate) fn member(&self, set: &OracleSet, key: &Address, stranger: BandwidthError) -> Result<usize> {
        let index = set.plain().index_of(key).filter(|index| self.has_member(*index));
        let Some(index) = index else {
            return Err(stranger.into());
        };
        require!(set.states[index] != member::JAILED, BandwidthError::OracleJailed);
        // A later oracle on the seat of a member is not that member.
        if !set.plain().serves(index, self.epoch) {
            return Err(stranger.into());
        }
        Ok(index)
    }

    /// Bitmap of the members whose word counts and who signed `content`, in whatever transaction.
    pub(crate) fn signers_of(&self, set: &OracleSet, content: &[u8; 32]) -> u32 {
        self.signed
            .iter()
            .enumerate()
            .filter(|(index, signed)| **signed == *content && set.plain().serves(*index, self.epoch))
            // The array has 32 elements, so that the shift cannot overflow.
            .fold(0u32, |bits, (index, _)| bits | (1 << index))
    }

    /// Strikes out what a jailed member signed. Whether the epoch has lost its quorum by it while it can be disputed, and so
    /// must be reopened.
    pub(crate) fn strike_out(&mut self, index: usize, is_disputable: bool) -> bool {
        self.signed[index] = VOID;
        if !is_disputable {
            return false;
        }
        // A member's index is below 32.
        self.signers &= !(1u32 << index);
        self.signers.count_ones() < u32::from(self.quorum)
    }

    /// Makes the epoch one that waits for its quorum again.
    pub(crate) fn reopen(&mut self) {
        self.state = epoch_state::OPEN;
        self.signers = 0;
        self.bundles = 0;
        self.root = [0; 32];
        self.leaf_count = 0;
        self.total_contribution = 0;
        self.epoch_reward = 0;
        self.cumulative_reward = 0;
        self.attested_at = 0;
        self.final_at = 0;
    }

    /// Must hold after every change: nothing happens before the seed is drawn, nobody but members commits, and an attestation
    /// has its quorum.
    pub fn invariant(&self) -> Result<()> {
        require!(
            self.plain().is_drawn() || (self.committed == 0 && self.state == epoch_state::OPEN),
            BandwidthError::Invariant
        );
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
