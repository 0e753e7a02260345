//! Lets the oracles adapt the ranking again.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::AdaptationFreezeChanged, state::Network};

/// Accounts of `unfreeze_adaptation`.
#[derive(Accounts)]
pub struct UnfreezeAdaptation {
    /// The network's authority.
    #[account(address = network.authority @ RegistryError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<UnfreezeAdaptation>) -> Result<()> {
    let by = *ctx.accounts.authority.address();
    ctx.accounts.network.adaptation_frozen = 0;
    emit!(AdaptationFreezeChanged {
        version: VERSION,
        frozen: 0,
        _padding: [0; 6],
        by,
    });
    Ok(())
}
