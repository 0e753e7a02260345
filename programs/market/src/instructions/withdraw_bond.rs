//! Gives the bond of a withdrawn listing back to its seller.

use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use lumora_interface::{
    market::listing_state,
    self_call,
    tokens::{self, Payment},
};

use crate::{
    constants::VERSION,
    error::MarketError,
    events::ListingBondWithdrawn,
    state::{Listing, pay_bond},
};

/// Accounts of `withdraw_bond`. Nobody need sign: it is paid to the seller, whoever calls.
#[event_cpi]
#[derive(Accounts)]
pub struct WithdrawBond {
    /// The listing.
    #[account(mut)]
    pub listing: Account<Listing>,
    /// Token account with the bond; it is closed.
    /// CHECK: its address is derived in the handler.
    #[account(mut)]
    pub bond_vault: UncheckedAccount,
    /// The listing's seller: gets the rent of the vault back.
    /// CHECK: the address that the listing names.
    #[account(mut, address = listing.seller @ MarketError::NotSeller)]
    pub seller: UncheckedAccount,
    /// The seller's LMR.
    /// CHECK: read here.
    #[account(
        mut,
        constraint = tokens::is_token_account_of(seller_tokens.account(), &listing.lmr_mint, &listing.seller)
            @ MarketError::WrongTokenAccount,
    )]
    pub seller_tokens: UncheckedAccount,
    /// Moves the LMR and closes the vault.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<WithdrawBond>) -> Result<()> {
    let accounts = &mut ctx.accounts;
    let listing = &accounts.listing;
    require!(listing.state == listing_state::WITHDRAWN, MarketError::ListingActive);
    // Each of them may still be late, and its penalty is paid from here.
    require!(listing.open_purchases == 0, MarketError::OpenPurchases);
    require!(listing.is_bonded(), MarketError::NotBonded);
    // Whatever somebody sent to the vault by mistake goes to the seller too: it could not be closed otherwise.
    let amount = tokens::amount(accounts.bond_vault.account());
    pay_bond(
        listing,
        accounts.bond_vault.account(),
        ctx.program_id,
        Payment {
            to: accounts.seller_tokens.account(),
            amount,
        },
        Some(accounts.seller.account()),
    )?;
    let event = ListingBondWithdrawn {
        version: VERSION,
        _padding: [0; 7],
        listing: *accounts.listing.address(),
        seller: *accounts.seller.address(),
        amount,
    };
    let listing = &mut *accounts.listing;
    listing.bond = 0;
    listing.bond_bump = 0;
    listing.invariant()?;
    self_call::record(
        &event,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
