//! Asks bond back.

use anchor_lang::prelude::*;

use crate::{
    constants::VERSION,
    error::RegistryError,
    events::UnbondRequested,
    state::{Network, Node},
};

/// Accounts of `request_unbond`.
#[derive(Accounts)]
pub struct RequestUnbond {
    /// Wallet that owns the node. The operator key lies on the node, where a thief of the machine finds it.
    #[account(address = node.owner @ RegistryError::NotOwner)]
    pub owner: Signer,
    /// The network.
    #[account(seeds = [b"network"], bump)]
    pub network: Account<Network>,
    /// The node.
    #[account(mut)]
    pub node: Account<Node>,
}

pub(crate) fn handler(ctx: &mut Context<RequestUnbond>, amount: u64) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let address = *ctx.accounts.node.address();
    let node = &mut *ctx.accounts.node;
    require!(amount <= node.bond, RegistryError::UnbondTooLarge);
    if amount > node.unbonding {
        // Or a request for one base unit, left to fall due, would let the whole bond out without a wait.
        node.unbonds_at = now
            .checked_add(ctx.accounts.network.unbonding_seconds)
            .ok_or(RegistryError::Overflow)?;
    } else if amount == 0 {
        node.unbonds_at = 0;
    }
    node.unbonding = amount;
    node.bond_invariant()?;
    emit!(UnbondRequested {
        version: VERSION,
        _padding: [0; 7],
        node: address,
        amount,
        unbonds_at: node.unbonds_at,
    });
    Ok(())
}
