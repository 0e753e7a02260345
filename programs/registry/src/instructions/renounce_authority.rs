//! Gives the authority up for good.

use anchor_lang::prelude::*;
use lumora_interface::registry::INCINERATOR;

use crate::{constants::VERSION, error::RegistryError, events::AuthorityChanged, state::Network};

/// Accounts of `renounce_authority`.
#[derive(Accounts)]
pub struct RenounceAuthority {
    /// The network's authority.
    #[account(address = network.authority @ RegistryError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<RenounceAuthority>) -> Result<()> {
    let network = &mut *ctx.accounts.network;
    // Two transactions, so that no single slip of a hand ends the network's government.
    require!(
        anchor_lang::address_eq(&network.pending_authority, &INCINERATOR),
        RegistryError::RenounceNotProposed
    );
    require!(network.paused == 0, RegistryError::RenouncePaused);
    require!(network.announced_for == 0, RegistryError::RenounceAnnounced);
    let previous = core::mem::replace(&mut network.authority, INCINERATOR);
    network.pending_authority = Address::default();
    // What a guardian paused, nobody could lift any more.
    network.guardian = Address::default();
    emit!(AuthorityChanged {
        version: VERSION,
        _padding: [0; 7],
        previous,
        authority: INCINERATOR,
    });
    Ok(())
}
