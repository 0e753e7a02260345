//! Changes what a node's owner may change.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::NodeUpdated, state::Node};

lumora_interface::update_node_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `update_node`.
#[derive(Accounts)]
pub struct UpdateNode {
    /// Wallet that owns the node.
    #[account(address = node.owner @ RegistryError::NotOwner)]
    pub owner: Signer,
    /// The node.
    #[account(mut)]
    pub node: Account<Node>,
}

pub(crate) fn handler(ctx: &mut Context<UpdateNode>, arguments: UpdateNodeArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let address = *ctx.accounts.node.address();
    let node = &mut *ctx.accounts.node;
    node.operator = arguments.operator;
    node.transport_key = arguments.transport_key;
    // What was attested of the node was measured where it stood before.
    if node.h3_cell != arguments.h3_cell || node.location != arguments.location {
        node.located_at = now;
    }
    node.h3_cell = arguments.h3_cell;
    node.location = arguments.location;
    node.limit_kbps = arguments.limit_kbps;
    node.shard_capacity = arguments.shard_capacity;
    node.status = arguments.status;
    node.updated_at = now;
    node.invariant()?;
    emit!(NodeUpdated {
        version: VERSION,
        status: arguments.status,
        shard_capacity: arguments.shard_capacity,
        limit_kbps: arguments.limit_kbps,
        node: address,
        h3_cell: arguments.h3_cell,
    });
    Ok(())
}
