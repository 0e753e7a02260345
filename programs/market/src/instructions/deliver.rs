//! Hands over the sealed key and pays for it, in one step.

use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use lumora_core::{
    delivery::{Delivery, Point, Proof, Sale, verify},
    split,
    units::Bps,
};
use lumora_interface::{
    market::{MAX_PAYEES, purchase_state},
    self_call,
    tokens::{self, Payment},
};

use crate::{
    constants::VERSION,
    curve::Syscalls,
    error::MarketError,
    events::DatasetDelivered,
    state::{Listing, Purchase, empty_vault, vault_amount},
};

lumora_interface::deliver_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `deliver`. After them comes one LMR token account per payee, in the listing's order. Nobody need sign: a
/// delivery is worth the same whoever brings it.
///
/// A payee that closed its associated token account cannot hold up the others: the part of it goes to the treasury. It does
/// not go to the seller, who may choose what to pass here.
#[event_cpi]
#[derive(Accounts)]
pub struct Deliver {
    /// What was bought.
    #[account(mut, address = purchase.listing @ MarketError::WrongListing)]
    pub listing: Account<Listing>,
    /// The purchase.
    #[account(mut)]
    pub purchase: Account<Purchase>,
    /// Token account with the price; it is closed.
    /// CHECK: its address is derived in the handler.
    #[account(mut)]
    pub vault: UncheckedAccount,
    /// The purchase's buyer: gets the rent of the vault back.
    /// CHECK: the address that the purchase names.
    #[account(mut, address = purchase.buyer @ MarketError::NotBuyer)]
    pub buyer: UncheckedAccount,
    /// Token account that receives the protocol's fee.
    /// CHECK: the address that the listing fixed.
    #[account(mut, address = listing.treasury @ MarketError::WrongTreasury)]
    pub treasury: UncheckedAccount,
    /// Moves the LMR and closes the vault.
    pub token_program: Program<Token>,
}

pub(crate) fn handler(ctx: &mut Context<Deliver>, arguments: DeliverArguments) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let extra = ctx.remaining_accounts()?;
    let accounts = &mut ctx.accounts;
    let (listing, purchase) = (&accounts.listing, &accounts.purchase);
    require!(purchase.state == purchase_state::OPEN, MarketError::NotOpen);
    // After the deadline the money may be on its way back: a delivery then would be for nothing.
    require!(now <= purchase.deadline, MarketError::DeliveryLate);

    let delivery = Delivery {
        ephemeral: Point(arguments.ephemeral),
        sealed: Point(arguments.sealed),
        proof: Proof::from_bytes(&arguments.proof),
    };
    let sale = Sale {
        network: &listing.network_id,
        program: ctx.program_id.as_array(),
        listing: listing.address().as_array(),
        purchase: purchase.address().as_array(),
        buyer: purchase.buyer.as_array(),
        listing_key: &listing.key(),
        buyer_key: &purchase.key(),
    };
    verify::<Syscalls>(&sale, &delivery).map_err(MarketError::from)?;

    // Rounded in the protocol's favour: what the payees get is rounded down, and the fee is the rest.
    let amount = purchase.amount;
    let net = Bps(listing.fee_bps).complement().of(amount);
    let fee = amount.saturating_sub(net);
    let surplus = vault_amount(purchase, accounts.vault.account(), &listing.lmr_mint, ctx.program_id)?
        .checked_sub(amount)
        .ok_or(MarketError::Invariant)?;
    let payees = listing.payees();
    require!(extra.len() == payees.len(), MarketError::PayeeAccountMissing);
    let mut parts = [0; MAX_PAYEES];
    let mut shares = [Bps(0); MAX_PAYEES];
    for (share, basis_points) in shares.iter_mut().zip(listing.shares) {
        share.0 = basis_points;
    }
    split::by_basis_points(net, &shares[..payees.len()], &mut parts[..payees.len()]).ok_or(MarketError::Invariant)?;
    let mut payments = [Payment {
        to: accounts.treasury.account(),
        amount: fee,
    }; MAX_PAYEES + 1];
    let mut unpaid = 0;
    for (index, (payee, tokens)) in payees.iter().zip(&extra).enumerate() {
        if tokens::is_token_account_of(tokens, &listing.lmr_mint, payee) {
            payments[index + 1].to = tokens;
        } else {
            // Any other address would let who delivers withhold a payee's part by passing something else.
            require!(
                tokens::is_associated_address(tokens, &listing.lmr_mint, payee),
                MarketError::WrongTokenAccount
            );
            unpaid |= 1 << index;
        }
        payments[index + 1].amount = parts[index];
    }
    let payments = &mut payments[..payees.len() + 1];
    let paid = payments
        .iter()
        .try_fold(0u64, |sum, payment| sum.checked_add(payment.amount));
    require!(paid == Some(amount), MarketError::Invariant);
    // A vault that is not empty cannot be closed, so one base unit sent to it would stop every delivery.
    payments[0].amount = fee.checked_add(surplus).ok_or(MarketError::Overflow)?;
    empty_vault(purchase, accounts.vault.account(), payments, accounts.buyer.account())?;

    let event = DatasetDelivered {
        version: VERSION,
        payees: payees.len() as u8,
        unpaid,
        _padding: [0; 5],
        listing: *accounts.listing.address(),
        purchase: *accounts.purchase.address(),
        ephemeral: arguments.ephemeral,
        sealed: arguments.sealed,
        amount,
        fee,
    };
    let purchase = &mut *accounts.purchase;
    let penalty = purchase.penalty;
    purchase.state = purchase_state::DELIVERED;
    purchase.ephemeral = arguments.ephemeral;
    purchase.sealed = arguments.sealed;
    purchase.delivered_at = now;
    let listing = &mut *accounts.listing;
    listing.end_purchase(penalty)?;
    listing.sales = listing.sales.checked_add(1).ok_or(MarketError::Overflow)?;
    listing.volume = listing.volume.checked_add(amount).ok_or(MarketError::Overflow)?;
    listing.invariant()?;
    self_call::record(
        &event,
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
