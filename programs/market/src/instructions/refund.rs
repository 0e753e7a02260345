//! Gives the buyer the money back when the seller did not deliver in time, and the penalty that was set aside for it.

use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use lumora_interface::{
    market::purchase_state,
    self_call,
    tokens::{self, Payment},
};

use crate::{
    constants::VERSION,
    error::MarketError,
    events::{PenaltyPaid, PurchaseRefunded},
    state::{Listing, Purchase, empty_vault, pay_bond, vault_amount},
};

/// Accounts of `refund`. Nobody need sign.
#[event_cpi]
#[derive(Accounts)]
pub struct Refund {
    /// What was bought.
    #[account(mut, address = purchase.listing @ MarketError::WrongListing)]
    pub listing: Account<Listing>,
    /// The purchase; it is closed.
    #[account(mut, close = buyer)]
    pub purchase: Account<Purchase>,
    /// Token account with the price; it is closed.
    /// CHECK: its address is derived in the handler.
    #[account(mut)]
    pub vault: UncheckedAccount,
    /// The purchase's buyer: gets all rent back.
    /// CHECK: the address that the purchase names.
    #[account(mut, address = purchase.buyer @ MarketError::NotBuyer)]
    pub buyer: UncheckedAccount,
    /// The buyer's LMR.
    /// CHECK: read here.
    #[account(
        mut,
        constraint = tokens::is_token_account_of(buyer_tokens.account(), &listing.lmr_mint, &purchase.buyer)
            @ MarketError::WrongTokenAccount,
    )]
    pub buyer_tokens: UncheckedAccount,
    /// Token account with the seller's bond; any account if the purchase was made without a penalty.
    /// CHECK: its address is derived before it pays.
    #[account(mut)]
    pub bond_vault: UncheckedAccount,
    /// Moves the LMR and closes the vault.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<Refund>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &mut ctx.accounts;
    let purchase = &accounts.purchase;
    require!(purchase.state == purchase_state::OPEN, MarketError::NotOpen);
    require!(now > purchase.deadline, MarketError::TooEarlyToRefund);

    // Whatever somebody sent to the vault by mistake goes to the buyer too: it could not be closed otherwise.
    let amount = vault_amount(
        purchase,
        accounts.vault.account(),
        &accounts.listing.lmr_mint,
        ctx.program_id,
    )?;
    let event = PurchaseRefunded {
        version: VERSION,
        _padding: [0; 7],
        listing: *accounts.listing.address(),
        purchase: *purchase.address(),
        buyer: purchase.buyer,
        amount,
    };
    empty_vault(
        purchase,
        accounts.vault.account(),
        &[Payment {
            to: accounts.buyer_tokens.account(),
            amount,
        }],
        accounts.buyer.account(),
    )?;
    let penalty = purchase.penalty;
    if penalty > 0 {
        pay_bond(
            &accounts.listing,
            accounts.bond_vault.account(),
            ctx.program_id,
            Payment {
                to: accounts.buyer_tokens.account(),
                amount: penalty,
            },
            None,
        )?;
    }
    let listing = &mut *accounts.listing;
    listing.end_purchase(penalty)?;
    listing.bond = listing.bond.checked_sub(penalty).ok_or(MarketError::Invariant)?;
    listing.refunds = listing.refunds.checked_add(1).ok_or(MarketError::Overflow)?;
    listing.invariant()?;
    let bond = listing.bond;
    let (authority, bump) = (ctx.accounts.event_authority.account(), ctx.bumps.event_authority);
    self_call::record(&event, authority, bump, ctx.program_id)?;
    if penalty > 0 {
        let event = PenaltyPaid {
            version: VERSION,
            _padding: [0; 7],
            listing: event.listing,
            purchase: event.purchase,
            buyer: event.buyer,
            amount: penalty,
            bond,
        };
        self_call::record(&event, authority, bump, ctx.program_id)?;
    }
    Ok(())
}
