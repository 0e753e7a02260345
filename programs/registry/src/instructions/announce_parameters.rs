//! Says which parameters will hold, and from when.

use anchor_lang::prelude::*;

use crate::{
    constants::VERSION,
    error::RegistryError,
    events::ParametersAnnounced,
    state::{Network, NetworkParameters},
};

/// Accounts of `announce_parameters`.
#[derive(Accounts)]
pub struct AnnounceParameters {
    /// The network's authority.
    #[account(address = network.authority @ RegistryError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<AnnounceParameters>, parameters: NetworkParameters) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let network = &mut *ctx.accounts.network;
    network.admit(&parameters)?;
    let notice = i64::from(network.plain().notice());
    let announced_for = now.checked_add(notice).ok_or(RegistryError::Overflow)?;
    network.announced = NetworkParameters {
        _padding: [0; 4],
        ..parameters
    };
    network.announced_for = announced_for;
    emit!(ParametersAnnounced {
        version: VERSION,
        _padding: [0; 7],
        announced_for,
        parameters: network.announced,
    });
    Ok(())
}
