//! Stops new commitments.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::PauseChanged, state::Network};

/// Accounts of `pause`.
#[derive(Accounts)]
pub struct Pause {
    /// The network's authority or its guardian.
    #[account(
        constraint = [network.authority, network.guardian].contains(caller.address()) @ RegistryError::NotGuardian,
    )]
    pub caller: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<Pause>, bits: u32) -> Result<()> {
    let by = *ctx.accounts.caller.address();
    let network = &mut *ctx.accounts.network;
    Network::check_pause_bits(bits)?;
    network.paused |= bits;
    emit!(PauseChanged {
        version: VERSION,
        _padding: [0; 3],
        paused: network.paused,
        by,
    });
    Ok(())
}
