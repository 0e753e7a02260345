//! Allows commitments again.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::PauseChanged, state::Network};

/// Accounts of `unpause`.
#[derive(Accounts)]
pub struct Unpause {
    /// The network's authority.
    #[account(address = network.authority @ RegistryError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<Unpause>, bits: u32) -> Result<()> {
    let by = *ctx.accounts.authority.address();
    let network = &mut *ctx.accounts.network;
    Network::check_pause_bits(bits)?;
    network.paused &= !bits;
    emit!(PauseChanged {
        version: VERSION,
        _padding: [0; 3],
        paused: network.paused,
        by,
    });
    Ok(())
}
