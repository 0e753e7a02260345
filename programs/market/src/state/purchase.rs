//! One copy of a dataset that somebody paid for.

use anchor_lang::{cpi::CpiSeed, prelude::*};
use lumora_interface::tokens::{self, Payment};

use super::plain_layout;
use crate::error::MarketError;

lumora_interface::purchase_account!(#[account]);
plain_layout!(Purchase);
const _: () = assert!(size_of::<Purchase>() == 280);

/// Empties a purchase's vault and closes it, after checking once more by hand that it is this purchase's. The rent of
/// the vault goes to `rent_to`.
pub fn empty_vault(
    purchase: &Account<Purchase>,
    vault: &AccountView,
    program_id: &Address,
    payments: &[Payment],
    rent_to: &AccountView,
) -> Result<()> {
    anchor_lang::cpi::verify_program_address(
        &[b"vault", purchase.address().as_ref(), &[purchase.vault_bump]],
        program_id,
        vault.address(),
    )
    .map_err(|_| MarketError::WrongVault)?;
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
