//! Makes announced parameters hold.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::ParametersApplied, state::Network};

/// Accounts of `apply_parameters`. Nobody needs to sign: what was announced takes effect whoever asks for it.
#[derive(Accounts)]
pub struct ApplyParameters {
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<ApplyParameters>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let network = &mut *ctx.accounts.network;
    require!(network.announced_for != 0, RegistryError::NothingAnnounced);
    require!(now >= network.announced_for, RegistryError::NoticeRunning);
    let parameters = network.announced;
    // Once more: the program may have been upgraded since, with closer bounds.
    network.admit(&parameters)?;
    network.set_parameters(&parameters);
    network.rebase();
    network.clear_announcement();
    network.changed_at = now;
    network.invariant()?;
    emit!(ParametersApplied {
        version: VERSION,
        _padding: [0; 7],
        parameters,
    });
    Ok(())
}
