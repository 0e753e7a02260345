//! Pays for a copy into a vault of its own.

#![allow(
    unused_variables,
    reason = "the framework's expansion decodes the arguments also where no seed needs them"
)]

use anchor_lang::{cpi::find_and_verify_program_address, prelude::*};
use anchor_spl::token::Token;
use lumora_core::delivery::Point;
use lumora_interface::{
    market::{listing_state, purchase_state},
    registry::{self, Network, pause},
    self_call,
    tokens::{self, Funding},
};

use crate::{
    constants::VERSION,
    curve::Syscalls,
    error::MarketError,
    events::DatasetBought,
    state::{Listing, Purchase},
};

lumora_interface::buy_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `buy`.
#[event_cpi]
#[derive(Accounts)]
#[instruction(index: u32)]
pub struct Buy {
    /// Pays the price and the rent.
    #[account(mut)]
    pub buyer: Signer,
    /// The network: what is paused.
    #[account(
        address = registry::NETWORK @ MarketError::WrongNetwork,
        constraint = !network.is_paused(pause::BUYING) @ MarketError::Paused,
    )]
    pub network: Account<Network>,
    /// What is bought.
    #[account(mut)]
    pub listing: Account<Listing>,
    /// The purchase.
    #[account(
        init,
        payer = buyer,
        seeds = [b"purchase", listing.address().as_ref(), buyer.address().as_ref(), &index.to_le_bytes()],
        bump,
    )]
    pub purchase: Account<Purchase>,
    /// Token account that will hold the price; its address is derived from `vault` and the purchase's.
    /// CHECK: derived and created in the handler.
    #[account(mut)]
    pub vault: UncheckedAccount,
    /// The LMR mint.
    /// CHECK: its address is all that is needed; the Token program reads it.
    #[account(address = listing.lmr_mint @ MarketError::WrongMint)]
    pub lmr_mint: UncheckedAccount,
    /// The buyer's LMR.
    /// CHECK: read here.
    #[account(
        mut,
        constraint = tokens::is_token_account_of(buyer_tokens.account(), &listing.lmr_mint, buyer.address())
            @ MarketError::WrongTokenAccount,
    )]
    pub buyer_tokens: UncheckedAccount,
    /// Creates the vault's token account and moves the LMR.
    pub token_program: Program<Token>,
    /// Creates the accounts.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<Buy>, index: u32, arguments: BuyArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &mut ctx.accounts;
    let listing = &accounts.listing;
    require!(listing.state == listing_state::ACTIVE, MarketError::ListingWithdrawn);
    // The seller may have changed what is sold, or its price, while the buyer was signing.
    require!(listing.revision == arguments.revision, MarketError::RevisionChanged);
    require!(listing.price == arguments.price, MarketError::PriceChanged);
    // With the identity as the buyer's key, the sealed key would not be sealed: anybody could read it off the chain.
    require!(
        Point(arguments.buyer_key).is_key::<Syscalls>(),
        MarketError::BuyerKeyInvalid
    );
    let deadline = now
        .checked_add(i64::from(listing.delivery_seconds))
        .ok_or(MarketError::Overflow)?;

    let address = *accounts.purchase.address();
    let vault_bump =
        find_and_verify_program_address(&[b"vault", address.as_ref()], ctx.program_id, accounts.vault.address())
            .map_err(|_| MarketError::WrongVault)?;
    tokens::open(
        accounts.vault.account(),
        accounts.lmr_mint.account(),
        &address,
        &[b"vault", address.as_ref(), &[vault_bump]],
        Funding {
            payer: accounts.buyer.account(),
            tokens: accounts.buyer_tokens.account(),
            amount: arguments.price,
        },
    )?;

    let event = DatasetBought {
        version: VERSION,
        _padding: [0; 3],
        index,
        listing: *accounts.listing.address(),
        purchase: address,
        buyer: *accounts.buyer.address(),
        buyer_key: arguments.buyer_key,
        amount: arguments.price,
        deadline,
    };
    let listing = &mut *accounts.listing;
    let penalty = listing.open_purchase()?;
    let dataset_id = listing.dataset_id;
    let purchase = &mut *accounts.purchase;
    purchase.version = VERSION;
    purchase.bump = ctx.bumps.purchase;
    purchase.vault_bump = vault_bump;
    purchase.state = purchase_state::OPEN;
    purchase.index = index;
    purchase.revision = arguments.revision;
    purchase.listing = event.listing;
    purchase.buyer = event.buyer;
    purchase.buyer_key = arguments.buyer_key;
    purchase.amount = arguments.price;
    purchase.bought_at = now;
    purchase.deadline = deadline;
    purchase.penalty = penalty;
    purchase.dataset_id = dataset_id;
    self_call::record(
        &event,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
