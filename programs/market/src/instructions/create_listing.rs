//! Puts a dataset up for sale.

#![allow(
    unused_variables,
    reason = "the framework's expansion decodes the arguments also where no seed needs them"
)]

use anchor_lang::prelude::*;
use lumora_core::{delivery::Point, units::Bps};
use lumora_interface::{
    market::{MAX_DELIVERY_SECONDS, MAX_PAYEES, listing_state},
    registry::{self, Network, pause},
};

use crate::{
    constants::VERSION,
    curve::Syscalls,
    error::MarketError,
    events::ListingCreated,
    state::{Listing, MarketConfig},
};

lumora_interface::create_listing_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);
lumora_interface::share_type!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `create_listing`.
#[derive(Accounts)]
#[instruction(id: u64)]
pub struct CreateListing {
    /// Sells; pays the rent.
    #[account(mut)]
    pub seller: Signer,
    /// The network: fee, mint, what is paused.
    #[account(
        address = registry::NETWORK @ MarketError::WrongNetwork,
        constraint = !network.is_paused(pause::BUYING) @ MarketError::Paused,
    )]
    pub network: Account<Network>,
    /// Names the treasury.
    #[account(seeds = [b"config"], bump)]
    pub config: Account<MarketConfig>,
    /// The listing.
    #[account(init, payer = seller, seeds = [b"listing", seller.address().as_ref(), &id.to_le_bytes()], bump)]
    pub listing: Account<Listing>,
    /// Creates the account.
    pub system_program: Program<System>,
}

pub(crate) fn handler(
    ctx: &mut Context<CreateListing>,
    id: u64,
    arguments: CreateListingArguments,
    payees: Vec<Share>,
) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    validate(&arguments)?;
    validate_payees(&payees)?;

    let (seller, address) = (*ctx.accounts.seller.address(), *ctx.accounts.listing.address());
    let (network, config) = (&ctx.accounts.network, &ctx.accounts.config);
    let listing = &mut *ctx.accounts.listing;
    listing.version = VERSION;
    listing.bump = ctx.bumps.listing;
    listing.state = listing_state::ACTIVE;
    listing.payee_count = payees.len() as u8;
    listing.fee_bps = network.protocol_fee;
    listing.revision = 1;
    listing.delivery_seconds = arguments.delivery_seconds;
    listing.seller = seller;
    listing.id = id;
    listing.price = arguments.price;
    listing.lmr_mint = network.lmr_mint;
    listing.treasury = config.treasury;
    listing.network_id = network.network_id;
    listing.listing_key = arguments.listing_key;
    listing.dataset_id = arguments.dataset_id;
    listing.metadata_hash = arguments.metadata_hash;
    listing.uri_hash = arguments.uri_hash;
    listing.content_hash = arguments.content_hash;
    listing.ciphertext_root = arguments.ciphertext_root;
    listing.plaintext_root = arguments.plaintext_root;
    listing.provenance_root = arguments.provenance_root;
    listing.job = arguments.job;
    listing.rows = arguments.rows;
    listing.size_bytes = arguments.size_bytes;
    listing.segments = arguments.segments;
    listing.rent_payer = seller;
    listing.created_at = now;
    listing.updated_at = now;
    for (index, share) in payees.iter().enumerate() {
        listing.payees[index] = share.payee;
        listing.shares[index] = share.basis_points;
    }
    listing.invariant()?;
    emit!(ListingCreated {
        version: VERSION,
        _padding: [0; 7],
        listing: address,
        seller,
        metadata_hash: arguments.metadata_hash,
        price: arguments.price,
        rows: arguments.rows,
    });
    Ok(())
}

/// What a seller may change later.
pub(super) fn validate_terms(price: u64, delivery_seconds: u32) -> Result<()> {
    require!(price > 0, MarketError::PriceZero);
    require!(
        (1..=MAX_DELIVERY_SECONDS).contains(&delivery_seconds),
        MarketError::DeliveryTimeRange
    );
    Ok(())
}

fn validate(arguments: &CreateListingArguments) -> Result<()> {
    validate_terms(arguments.price, arguments.delivery_seconds)?;
    // With the identity as key anybody could deliver, and the content key would be that of nobody's secret.
    require!(
        Point(arguments.listing_key).is_key::<Syscalls>(),
        MarketError::ListingKeyInvalid
    );
    let hashes = [
        &arguments.dataset_id,
        &arguments.metadata_hash,
        &arguments.content_hash,
        &arguments.ciphertext_root,
        &arguments.plaintext_root,
        &arguments.provenance_root,
    ];
    require!(hashes.iter().all(|hash| **hash != [0; 32]), MarketError::HashMissing);
    require!(arguments.rows > 0 && arguments.segments > 0, MarketError::EmptyDataset);
    Ok(())
}

fn validate_payees(payees: &[Share]) -> Result<()> {
    require!((1..=MAX_PAYEES).contains(&payees.len()), MarketError::PayeeCount);
    let mut sum = 0u32;
    for (index, share) in payees.iter().enumerate() {
        let again = payees[..index].iter().any(|other| other.payee == share.payee);
        require!(share.payee != Address::default() && !again, MarketError::PayeeMissing);
        require!(share.basis_points > 0, MarketError::SharesSum);
        sum = sum.saturating_add(u32::from(share.basis_points));
    }
    require!(sum == u32::from(Bps::ONE.0), MarketError::SharesSum);
    Ok(())
}
