//! Ends a withdrawn listing's account.

use anchor_lang::prelude::*;

use crate::{constants::VERSION, error::MarketError, events::ListingClosed, state::Listing};

/// Accounts of `close_listing`. Nobody need sign: the rent goes to who paid it, whoever calls.
#[derive(Accounts)]
pub struct CloseListing {
    /// The listing; it is closed.
    #[account(mut, close = rent_payer)]
    pub listing: Account<Listing>,
    /// Who paid the rent and gets it back.
    /// CHECK: the address that the listing names.
    #[account(mut, address = listing.rent_payer @ MarketError::WrongRentPayer)]
    pub rent_payer: UncheckedAccount,
}

pub(crate) fn handler(ctx: &mut Context<CloseListing>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let listing = &ctx.accounts.listing;
    let closable_from = listing.closable_from().ok_or(MarketError::ListingActive)?;
    // An open purchase could not be delivered, refunded or counted without the listing.
    require!(listing.open_purchases == 0, MarketError::OpenPurchases);
    // Nobody could sign for the vault any more until the seller makes a listing at this address again.
    require!(!listing.is_bonded(), MarketError::BondHeld);
    require!(now >= closable_from, MarketError::BuyersMayRate);
    emit!(ListingClosed {
        version: VERSION,
        _padding: [0; 7],
        listing: *listing.address(),
        seller: listing.seller,
        sales: listing.sales,
        refunds: listing.refunds,
    });
    Ok(())
}
