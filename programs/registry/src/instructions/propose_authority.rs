//! Names the authority's successor.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::AuthorityProposed, state::Network};

/// Accounts of `propose_authority`.
#[derive(Accounts)]
pub struct ProposeAuthority {
    /// The network's authority.
    #[account(address = network.authority @ RegistryError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<ProposeAuthority>, proposed: Address) -> Result<()> {
    let network = &mut *ctx.accounts.network;
    network.pending_authority = proposed;
    emit!(AuthorityProposed {
        version: VERSION,
        _padding: [0; 7],
        authority: network.authority,
        proposed,
    });
    Ok(())
}
