//! One copy of a dataset that somebody paid for.

use anchor_lang::{
    cpi::{CpiSeed, verify_program_address},
    prelude::*,
};
use lumora_interface::tokens::{self, Payment};

use super::plain_layout;
use crate::error::MarketError;

lumora_interface::purchase_account!(#[account]);
plain_layout!(Purchase);
const _: () = assert!(size_of::<Purchase>() == 280);

/// Base units in a purchase's vault. Refuses an account that is not it, looking at its address, mint and authority once more
/// by hand.
pub fn vault_amount(
    purchase: &Account<Purchase>,
    vault: &AccountView,
    lmr_mint: &Address,
    program_id: &Address,
) -> Result<u64> {
    verify_program_address(
        &[b"vault", purchase.address().as_ref(), &[purchase.vault_bump]],
        program_id,
        vault.address(),
    )
    .map_err(|_| MarketError::WrongVault)?;
    require!(
        tokens::is_token_account_of(vault, lmr_mint, purchase.address()),
        MarketError::WrongVault
    );
    let amount = tokens::amount(vault);
    require!(amount >= purchase.amount, MarketError::Invariant);
    Ok(amount)
}

/// Empties a purchase's vault, for which [`vault_amount`] has answered, and closes it. The rent of the vault goes to
/// `rent_to`.
pub fn empty_vault(
    purchase: &Account<Purchase>,
    vault: &AccountView,
    payments: &[Payment],
    rent_to: &AccountView,
) -> Result<()> {
    let (listing, buyer, index) = (purchase.listing, purchase.buyer, purchase.index.to_le_bytes());
    tokens::pay_out(
        vault,
        purchase.account(),
        &[
            CpiSeed::from(b"purchase".as_slice()),
            CpiSeed::from(listing.as_array()),
            CpiSeed::from(buyer.as_array()),
            CpiSeed::from(&index),
            CpiSeed::from(&[purchase.bump]),
        ],
        payments,
        Some(rent_to),
    )
}
