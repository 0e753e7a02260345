//! Stops further sales of a dataset.

use anchor_lang::prelude::*;
use lumora_interface::market::listing_state;

use crate::{constants::VERSION, error::MarketError, events::ListingWithdrawn, state::Listing};

/// Accounts of `withdraw_listing`.
#[derive(Accounts)]
pub struct WithdrawListing {
    /// The listing's seller.
    #[account(address = listing.seller @ MarketError::NotSeller)]
    pub seller: Signer,
    /// The listing.
    #[account(mut)]
    pub listing: Account<Listing>,
}

pub(crate) fn handler(ctx: &mut Context<WithdrawListing>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let address = *ctx.accounts.listing.address();
    let listing = &mut *ctx.accounts.listing;
    require!(listing.state == listing_state::ACTIVE, MarketError::ListingWithdrawn);
    listing.state = listing_state::WITHDRAWN;
    // From here on, nothing changes this time: the account may be closed so long after it.
    listing.updated_at = now;
    listing.invariant()?;
    emit!(ListingWithdrawn {
        version: VERSION,
        _padding: [0; 3],
        open_purchases: listing.open_purchases,
        listing: address,
    });
    Ok(())
}
