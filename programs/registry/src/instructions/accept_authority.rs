//! Makes the proposed authority the authority.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::AuthorityChanged, state::Network};

/// Accounts of `accept_authority`.
#[derive(Accounts)]
pub struct AcceptAuthority {
    /// Who was proposed. Its signature shows that somebody holds the key: a mistyped address would lose the network.
    #[account(address = network.pending_authority @ RegistryError::NotProposed)]
    pub proposed: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<AcceptAuthority>) -> Result<()> {
    let authority = *ctx.accounts.proposed.address();
    let network = &mut *ctx.accounts.network;
    let previous = core::mem::replace(&mut network.authority, authority);
    network.pending_authority = Address::default();
    emit!(AuthorityChanged {
        version: VERSION,
        _padding: [0; 7],
        previous,
        authority,
    });
    Ok(())
}
