//! Names another guardian.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::GuardianChanged, state::Network};

/// Accounts of `set_guardian`.
#[derive(Accounts)]
pub struct SetGuardian {
    /// The network's authority.
    #[account(address = network.authority @ RegistryError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<SetGuardian>, guardian: Address) -> Result<()> {
    let network = &mut *ctx.accounts.network;
    let previous = core::mem::replace(&mut network.guardian, guardian);
    emit!(GuardianChanged {
        version: VERSION,
        _padding: [0; 7],
        previous,
        guardian,
    });
    Ok(())
}
