//! Rates what was delivered.

use anchor_lang::prelude::*;
use lumora_interface::market::{RATING_SECONDS, purchase_state};

use crate::{
    constants::VERSION,
    error::MarketError,
    events::PurchaseRated,
    state::{Listing, Purchase},
};

/// Accounts of `rate`.
#[derive(Accounts)]
pub struct Rate {
    /// The purchase's buyer: only who paid may rate.
    #[account(address = purchase.buyer @ MarketError::NotBuyer)]
    pub buyer: Signer,
    /// What was bought.
    #[account(mut, address = purchase.listing @ MarketError::WrongListing)]
    pub listing: Account<Listing>,
    /// The purchase.
    #[account(mut)]
    pub purchase: Account<Purchase>,
}

pub(crate) fn handler(ctx: &mut Context<Rate>, rating: u8) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let event = PurchaseRated {
        version: VERSION,
        rating,
        _padding: [0; 6],
        listing: *ctx.accounts.listing.address(),
        purchase: *ctx.accounts.purchase.address(),
    };
    let purchase = &mut *ctx.accounts.purchase;
    require!((1..=5).contains(&rating), MarketError::RatingRange);
    require!(purchase.state == purchase_state::DELIVERED, MarketError::NotDelivered);
    require!(purchase.rating == 0, MarketError::RatedAlready);
    require!(
        now.saturating_sub(purchase.delivered_at) <= RATING_SECONDS,
        MarketError::RatingLate
    );
    purchase.rating = rating;
    purchase.rated_at = now;
    let paid = purchase.amount;
    ctx.accounts.listing.rate(rating, paid)?;
    emit!(event);
    Ok(())
}
