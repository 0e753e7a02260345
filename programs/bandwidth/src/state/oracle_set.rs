//! Who measures and signs.

use anchor_lang::{cpi::CpiSeed, prelude::*};
use lumora_interface::bandwidth::{self as interface, member};

use super::Epoch;
use crate::error::BandwidthError;

lumora_interface::oracle_set_account!(#[account]);

const _: () = assert!(8 + size_of::<OracleSet>() == 4_184);

impl OracleSet {
    /// The same account as everybody else sees it, with the rules that all share.
    pub fn plain(&self) -> &interface::OracleSet {
        bytemuck::cast_ref(self)
    }

    /// Bitmap of the members that an epoch opened as number `epoch` has: those that serve then and have their bond.
    pub fn members_in(&self, epoch: u64) -> u32 {
        let counts = |index: &usize| {
            self.states[*index] == member::ACTIVE
                && self.plain().serves(*index, epoch)
                && self.bonds[*index] >= self.minimum_bond
        };
        // At most 32 members, so that the shift cannot overflow.
        (0..usize::from(self.count).min(32))
            .filter(counts)
            .fold(0, |bits, index| bits | (1 << index))
    }

    /// Seat of the oracle with this key.
    pub(crate) fn seat_of(&self, key: &Address) -> Result<usize> {
        Ok(self.plain().index_of(key).ok_or(BandwidthError::OracleUnknown)?)
    }

    /// A change of membership.
    pub(crate) fn raise_version(&mut self) -> Result<u32> {
        self.set_version = self.set_version.checked_add(1).ok_or(BandwidthError::Overflow)?;
        Ok(self.set_version)
    }

    /// Seeds under which the set signs for the bond vault; `bump` is its own.
    pub(crate) fn signer_seeds(bump: &[u8; 1]) -> [CpiSeed<'_>; 2] {
        [CpiSeed::from(interface::seed::ORACLES), CpiSeed::from(bump)]
    }

    /// Takes back that `epoch`, the latest, was attested. Nothing was attested upon it: that has to wait until it is final.
    pub(crate) fn roll_back(&mut self, epoch: &Epoch) -> Result<()> {
        self.attestable_from = self.previously_attestable_from;
        self.cumulative_reward = self
            .cumulative_reward
            .checked_sub(epoch.epoch_reward)
            .ok_or(BandwidthError::Invariant)?;
        self.cumulative_contribution = self
            .cumulative_contribution
            .checked_sub(epoch.total_contribution)
            .ok_or(BandwidthError::Invariant)?;
        // The one before it was final by then.
        self.final_at = epoch.attested_at;
        Ok(())
    }

    /// Must hold after every change of a bond: the vault has what the seats are owed, so that none is paid from another's.
    pub(crate) fn bonds_invariant(&self, in_vault: u64) -> Result<()> {
        let sum = self.bonds.iter().try_fold(0u64, |sum, bond| sum.checked_add(*bond));
        require!(
            sum == Some(self.bonded) && in_vault >= self.bonded,
            BandwidthError::Invariant
        );
        Ok(())
    }
}
