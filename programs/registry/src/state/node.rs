//! The on-chain identity of a provider or executor.

use anchor_lang::prelude::*;
use lumora_core::geo::is_coarse_cell;
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
        require!(self.shard_capacity > 0, RegistryError::CapacityZero);
        require!(
            matches!(self.status, status::ACTIVE | status::PAUSED),
            RegistryError::StatusUnknown
        );
        Ok(())
    }
}
