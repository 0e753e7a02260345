//! Keeps the oracles from adapting the ranking.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::AdaptationFreezeChanged, state::Network};

/// Accounts of `freeze_adaptation`.
#[derive(Accounts)]
pub struct FreezeAdaptation {
    /// The network's authority or its guardian.
    #[account(
        constraint = [network.authority, network.guardian].contains(caller.address()) @ RegistryError::NotGuardian,
    )]
    pub caller: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<FreezeAdaptation>) -> Result<()> {
    let by = *ctx.accounts.caller.address();
    ctx.accounts.network.adaptation_frozen = 1;
    emit!(AdaptationFreezeChanged {
        version: VERSION,
        frozen: 1,
        _padding: [0; 6],
        by,
    });
    Ok(())
}
