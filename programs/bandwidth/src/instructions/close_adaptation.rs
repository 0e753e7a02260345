//! Closes the account that counted signatures under an adaptation which cannot find its quorum any more.

use anchor_lang::prelude::*;
use lumora_interface::registry::{self, Network};

use crate::{error::BandwidthError, state::AdaptationCount};

/// Accounts of `close_adaptation`. Nobody signs: where the rent goes is fixed.
#[derive(Accounts)]
pub struct CloseAdaptation {
    /// The network: says whether another adaptation was made.
    #[account(address = registry::NETWORK)]
    pub network: Account<Network>,
    /// The account.
    #[account(mut, close = rent_payer)]
    pub adaptation: Account<AdaptationCount>,
    /// Who paid its rent.
    /// CHECK: the address that the account names; it receives lamports and nothing else.
    #[account(mut, address = adaptation.rent_payer @ BandwidthError::WrongRentPayer)]
    pub rent_payer: UncheckedAccount,
}

pub(crate) fn handler(ctx: &mut Context<CloseAdaptation>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let CloseAdaptation {
        network, adaptation, ..
    } = &ctx.accounts;
    require!(adaptation.plain().is_void(network, now), BandwidthError::AdaptationOpen);
    Ok(())
}
