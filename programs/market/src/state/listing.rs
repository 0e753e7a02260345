//! A dataset for sale.

use anchor_lang::{
    cpi::{CpiSeed, verify_program_address},
    prelude::*,
};
use lumora_interface::{
    market::listing_state,
    tokens::{self, Payment},
};

use super::plain_layout;
use crate::error::MarketError;

lumora_interface::listing_account!(#[account]);
plain_layout!(Listing);
const _: () = assert!(size_of::<Listing>() == 968);

impl Listing {
    /// Counts one more open purchase and sets its penalty aside: the penalty.
    pub fn open_purchase(&mut self) -> Result<u64> {
        let penalty = self.penalty();
        // What earlier buyers were promised is not promised twice.
        require!(penalty <= self.free_bond(), MarketError::BondTooSmall);
        self.open_penalties = self.open_penalties.checked_add(penalty).ok_or(MarketError::Overflow)?;
        self.open_purchases = self.open_purchases.checked_add(1).ok_or(MarketError::Overflow)?;
        self.invariant()?;
        Ok(penalty)
    }

    /// Counts one open purchase less and sets its penalty free. The caller checks [`Self::invariant`].
    pub fn end_purchase(&mut self, penalty: u64) -> Result<()> {
        self.open_purchases = self.open_purchases.checked_sub(1).ok_or(MarketError::Invariant)?;
        self.open_penalties = self.open_penalties.checked_sub(penalty).ok_or(MarketError::Invariant)?;
        Ok(())
    }

    /// Counts a rating of a copy for which `paid` LMR base units were paid.
    pub fn rate(&mut self, rating: u8, paid: u64) -> Result<()> {
        let rating = u64::from(rating);
        let weighted = rating.checked_mul(paid).ok_or(MarketError::Overflow)?;
        self.ratings = self.ratings.checked_add(1).ok_or(MarketError::Overflow)?;
        self.rating_sum = self.rating_sum.checked_add(rating).ok_or(MarketError::Overflow)?;
        self.rated_volume = self.rated_volume.checked_add(paid).ok_or(MarketError::Overflow)?;
        self.weighted_ratings = self
            .weighted_ratings
            .checked_add(weighted)
            .ok_or(MarketError::Overflow)?;
        self.invariant()
    }

    /// Must hold after every change: every penalty that was promised is covered, and only sales are rated.
    pub fn invariant(&self) -> Result<()> {
        require!(
            matches!(self.state, listing_state::ACTIVE | listing_state::WITHDRAWN)
                && self.open_penalties <= self.bond
                && (self.open_penalties == 0 || self.open_purchases > 0)
                && (self.bond == 0 || self.is_bonded())
                && self.ratings <= self.sales
                && self.rating_sum >= self.ratings
                && self.rating_sum <= self.ratings.saturating_mul(5)
                && self.rated_volume <= self.volume
                && self.weighted_ratings >= self.rated_volume
                && self.weighted_ratings <= self.rated_volume.saturating_mul(5),
            MarketError::Invariant
        );
        Ok(())
    }
}

/// Refuses an account that is not this listing's bond vault, looking at its address, mint and authority once more by hand.
pub fn check_bond_vault(listing: &Account<Listing>, vault: &AccountView, program_id: &Address) -> Result<()> {
    verify_program_address(
        &[b"bond", listing.address().as_ref(), &[listing.bond_bump]],
        program_id,
        vault.address(),
    )
    .map_err(|_| MarketError::WrongBondVault)?;
    require!(
        tokens::is_token_account_of(vault, &listing.lmr_mint, listing.address()),
        MarketError::WrongBondVault
    );
    // Less than the bond in the vault would mean that somebody's penalty is not covered.
    require!(tokens::amount(vault) >= listing.bond, MarketError::Invariant);
    Ok(())
}

/// Pays out of a listing's bond vault, which is closed if an account for its rent is given.
pub fn pay_bond(
    listing: &Account<Listing>,
    vault: &AccountView,
    program_id: &Address,
    payment: Payment,
    rent_to: Option<&AccountView>,
) -> Result<()> {
    check_bond_vault(listing, vault, program_id)?;
    let (seller, id) = (listing.seller, listing.id.to_le_bytes());
    tokens::pay_out(
        vault,
        listing.account(),
        &[
            CpiSeed::from(b"listing".as_slice()),
            CpiSeed::from(seller.as_array()),
            CpiSeed::from(&id),
            CpiSeed::from(&[listing.bump]),
        ],
        &[payment],
        rent_to,
    )
}
