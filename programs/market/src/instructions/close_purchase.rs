//! Ends a delivered purchase's account.

use anchor_lang::prelude::*;
use lumora_interface::market::purchase_state;

use crate::{constants::VERSION, error::MarketError, events::PurchaseClosed, state::Purchase};

/// Accounts of `close_purchase`.
#[derive(Accounts)]
pub struct ClosePurchase {
    /// The purchase's buyer, who paid the rent and gets it back. Nobody else may: with the account goes the delivery, from
    /// which the buyer derives the content key, and the right to rate.
    #[account(mut, address = purchase.buyer @ MarketError::NotBuyer)]
    pub buyer: Signer,
    /// The purchase; it is closed.
    #[account(mut, close = buyer)]
    pub purchase: Account<Purchase>,
}

pub(crate) fn handler(ctx: &mut Context<ClosePurchase>) -> Result<()> {
    let purchase = &ctx.accounts.purchase;
    require!(purchase.state == purchase_state::DELIVERED, MarketError::NotDelivered);
    emit!(PurchaseClosed {
        version: VERSION,
        _padding: [0; 7],
        listing: purchase.listing,
        purchase: *purchase.address(),
        buyer: purchase.buyer,
    });
    Ok(())
}
