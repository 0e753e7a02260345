//! Puts up LMR that buyers are paid from when the seller delivers late.

use anchor_lang::{cpi::find_and_verify_program_address, prelude::*};
use anchor_spl::token::Token;
use lumora_core::units::Lmr;
use lumora_interface::{
    market::listing_state,
    self_call,
    tokens::{self, Funding},
};

use crate::{
    constants::VERSION,
    error::MarketError,
    events::ListingBondAdded,
    state::{Listing, check_bond_vault},
};

lumora_interface::add_bond_arguments!(#[derive(AnchorSerialize, AnchorDeserialize, IdlType, Clone, Copy)]);

/// Accounts of `add_bond`.
#[event_cpi]
#[derive(Accounts)]
pub struct AddBond {
    /// The listing's seller; pays the vault's rent the first time. Nobody else may: with the first bond, sales without a
    /// penalty end, and a bond of one base unit would stop them altogether.
    #[account(mut, address = listing.seller @ MarketError::NotSeller)]
    pub seller: Signer,
    /// The listing.
    #[account(mut)]
    pub listing: Account<Listing>,
    /// Token account that holds the bond; created the first time.
    /// CHECK: its address is derived in the handler.
    #[account(mut)]
    pub bond_vault: UncheckedAccount,
    /// The LMR mint.
    /// CHECK: its address is all that is needed; the Token program reads it.
    #[account(address = listing.lmr_mint @ MarketError::WrongMint)]
    pub lmr_mint: UncheckedAccount,
    /// The seller's LMR.
    /// CHECK: read here.
    #[account(
        mut,
        constraint = tokens::is_token_account_of(seller_tokens.account(), &listing.lmr_mint, seller.address())
            @ MarketError::WrongTokenAccount,
    )]
    pub seller_tokens: UncheckedAccount,
    /// Creates the vault's token account and moves the LMR.
    pub token_program: Program<Token>,
    /// Creates the vault.
    pub system_program: Program<System>,
}

pub(crate) fn handler(ctx: &mut Context<AddBond>, arguments: AddBondArguments) -> Result<()> {
    let amount = arguments.amount;
    let accounts = &mut ctx.accounts;
    require!(
        accounts.listing.state == listing_state::ACTIVE,
        MarketError::ListingWithdrawn
    );
    require!(amount > 0, MarketError::AmountZero);
    let address = *accounts.listing.address();
    if accounts.listing.is_bonded() {
        check_bond_vault(&accounts.listing, accounts.bond_vault.account(), ctx.program_id)?;
        tokens::transfer_checked(
            [
                accounts.seller_tokens.account(),
                accounts.lmr_mint.account(),
                accounts.bond_vault.account(),
                accounts.seller.account(),
            ],
            amount,
            Lmr::DECIMALS,
            &[],
        )?;
    } else {
        let bump = find_and_verify_program_address(
            &[b"bond", address.as_ref()],
            ctx.program_id,
            accounts.bond_vault.address(),
        )
        .map_err(|_| MarketError::WrongBondVault)?;
        tokens::open(
            accounts.bond_vault.account(),
            accounts.lmr_mint.account(),
            &address,
            &[b"bond", address.as_ref(), &[bump]],
            Funding {
                payer: accounts.seller.account(),
                tokens: accounts.seller_tokens.account(),
                amount,
            },
        )?;
        accounts.listing.bond_bump = bump;
    }
    let listing = &mut *accounts.listing;
    listing.bond = listing.bond.checked_add(amount).ok_or(MarketError::Overflow)?;
    listing.invariant()?;
    let bond = listing.bond;
    check_bond_vault(&accounts.listing, accounts.bond_vault.account(), ctx.program_id)?;
    self_call::record(
        &ListingBondAdded {
            version: VERSION,
            _padding: [0; 7],
            listing: address,
            amount,
            bond,
        },
        ctx.accounts.event_authority.account(),
        ctx.bumps.event_authority,
        ctx.program_id,
    )
}
