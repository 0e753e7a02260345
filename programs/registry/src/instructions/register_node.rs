//! Registers a node.

#![allow(
    unused_variables,
    reason = "the framework's expansion decodes the arguments also where no seed needs them"
)]

use anchor_lang::prelude::*;
use lumora_interface::registry::{pause, status};

use crate::{
    constants::VERSION,
    error::RegistryError,
    events::NodeRegistered,
    state::{Network, Node},
};

lumora_interface::register_node_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `register_node`.
#[derive(Accounts)]
#[instruction(arguments: RegisterNodeArguments)]
pub struct RegisterNode {
    /// Wallet that will own the node; pays.
    #[account(mut)]
    pub owner: Signer,
    /// The network; only read, so that nodes can be registered at the same time.
    #[account(
        seeds = [b"network"],
        bump,
        constraint = network.paused & pause::REGISTERING == 0 @ RegistryError::Paused,
    )]
    pub network: Account<Network>,
    /// The node.
    #[account(
        init,
        payer = owner,
        seeds = [b"node", owner.address().as_ref(), &arguments.index.to_le_bytes()],
        bump,
    )]
    pub node: Account<Node>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<RegisterNode>, arguments: RegisterNodeArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let owner = *ctx.accounts.owner.address();
    let address = *ctx.accounts.node.address();
    let node = &mut *ctx.accounts.node;
    node.version = VERSION;
    node.bump = ctx.bumps.node;
    node.status = status::ACTIVE;
    node.index = arguments.index;
    node.shard_capacity = arguments.shard_capacity;
    node.owner = owner;
    node.operator = arguments.operator;
    node.transport_key = arguments.transport_key;
    node.h3_cell = arguments.h3_cell;
    node.location = arguments.location;
    node.limit_kbps = arguments.limit_kbps;
    node.registered_at = now;
    node.updated_at = now;
    node.located_at = now;
    node.rent_payer = owner;
    node.invariant()?;
    emit!(NodeRegistered {
        version: VERSION,
        _padding: 0,
        index: arguments.index,
        limit_kbps: arguments.limit_kbps,
        node: address,
        owner,
        h3_cell: arguments.h3_cell,
    });
    Ok(())
}
