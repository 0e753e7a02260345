//! Changes what a copy costs, how soon it is delivered, and its data card.

use anchor_lang::prelude::*;
use lumora_interface::market::listing_state;

use super::create_listing::validate_terms;
use crate::{constants::VERSION, error::MarketError, events::ListingUpdated, state::Listing};

lumora_interface::update_listing_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `update_listing`.
#[derive(Accounts)]
pub struct UpdateListing {
    /// The listing's seller.
    #[account(address = listing.seller @ MarketError::NotSeller)]
    pub seller: Signer,
    /// The listing.
    #[account(mut)]
    pub listing: Account<Listing>,
}

pub(crate) fn handler(ctx: &mut Context<UpdateListing>, arguments: UpdateListingArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let address = *ctx.accounts.listing.address();
    validate_terms(arguments.price, arguments.delivery_seconds)?;
    require!(arguments.metadata_hash != [0; 32], MarketError::HashMissing);
    let listing = &mut *ctx.accounts.listing;
    require!(listing.state == listing_state::ACTIVE, MarketError::ListingWithdrawn);
    // A buyer names the revision that it has seen, so none pays for terms that changed while it was signing. Amount,
    // deadline and penalty of what was bought already are in the purchase.
    listing.revision = listing.revision.checked_add(1).ok_or(MarketError::Overflow)?;
    listing.price = arguments.price;
    listing.delivery_seconds = arguments.delivery_seconds;
    listing.metadata_hash = arguments.metadata_hash;
    listing.uri_hash = arguments.uri_hash;
    listing.updated_at = now;
    listing.invariant()?;
    emit!(ListingUpdated {
        version: VERSION,
        _padding: [0; 7],
        revision: listing.revision,
        delivery_seconds: arguments.delivery_seconds,
        price: arguments.price,
        listing: address,
        metadata_hash: arguments.metadata_hash,
        uri_hash: arguments.uri_hash,
    });
    Ok(())
}
