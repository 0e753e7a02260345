//! The on-chain identity of a provider or executor.

use anchor_lang::prelude::*;
use lumora_core::{allocation::LEAST_CAPACITY, geo::is_coarse_cell};
use lumora_interface::registry::{self as interface, status};

use crate::error::RegistryError;

lumora_interface::node_account!(#[account]);

const _: () = assert!(8 + size_of::<Node>() == 280);

impl Node {
    /// The same account as everybody else sees it, with the rules that all share.
    pub fn plain(&self) -> &interface::Node {
        bytemuck::cast_ref(self)
    }

    /// Must hold after every change by its owner.
    pub fn invariant(&self) -> Result<()> {
        let zero = Address::default();
        require!(
            !anchor_lang::address_eq(&self.operator, &zero) && self.transport_key != [0; 32],
            RegistryError::KeyMissing
        );
        // The operator key lies on the node, where a thief of the machine finds it.
        require!(
            !anchor_lang::address_eq(&self.operator, &self.owner),
            RegistryError::OperatorIsOwner
        );
        require!(is_coarse_cell(self.h3_cell), RegistryError::LocationResolution);
        require!(self.plain().unit_vector().is_unit(), RegistryError::LocationLength);
        require!(self.limit_kbps > 0, RegistryError::LimitZero);
        require!(self.shard_capacity >= LEAST_CAPACITY, RegistryError::CapacityTooSmall);
        require!(
            matches!(self.status, status::ACTIVE | status::PAUSED),
            RegistryError::StatusUnknown
        );
        Ok(())
    }

    /// Takes the bond that was asked back off the node, once it is due: the amount.
    pub fn take_due(&mut self, now: i64) -> Result<u64> {
        require!(self.unbonding > 0, RegistryError::NothingUnbonding);
        require!(now >= self.unbonds_at, RegistryError::UnbondingRunning);
        let amount = core::mem::take(&mut self.unbonding);
        self.unbonds_at = 0;
        self.bond = self.bond.checked_sub(amount).ok_or(RegistryError::Invariant)?;
        self.bond_invariant()?;
        Ok(amount)
    }

    /// Takes bond off the node that it forfeits. What it asked back was at risk as well, and is less if the rest does not do.
    pub fn lose(&mut self, amount: u64) -> Result<()> {
        self.bond = self.bond.checked_sub(amount).ok_or(RegistryError::Invariant)?;
        self.slashed = self.slashed.checked_add(amount).ok_or(RegistryError::Overflow)?;
        self.unbonding = self.unbonding.min(self.bond);
        if self.unbonding == 0 {
            self.unbonds_at = 0;
        }
        self.bond_invariant()
    }

    /// Must hold after every change of the bond: no more is asked back than there is, and only that has a time.
    pub fn bond_invariant(&self) -> Result<()> {
        require!(
            self.unbonding <= self.bond && (self.unbonding == 0) == (self.unbonds_at == 0),
            RegistryError::Invariant
        );
        Ok(())
    }
}
