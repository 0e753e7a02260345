//! Takes an announcement back.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::RegistryError, events::AnnouncementWithdrawn, state::Network};

/// Accounts of `withdraw_announcement`.
#[derive(Accounts)]
pub struct WithdrawAnnouncement {
    /// The network's authority.
    #[account(address = network.authority @ RegistryError::NotAuthority)]
    pub authority: Signer,
    /// The network.
    #[account(mut, seeds = [b"network"], bump)]
    pub network: Account<Network>,
}

pub(crate) fn handler(ctx: &mut Context<WithdrawAnnouncement>) -> Result<()> {
    let network = &mut *ctx.accounts.network;
    require!(network.announced_for != 0, RegistryError::NothingAnnounced);
    let announced_for = network.clear_announcement();
    emit!(AnnouncementWithdrawn {
        version: VERSION,
        _padding: [0; 7],
        announced_for,
    });
    Ok(())
}
