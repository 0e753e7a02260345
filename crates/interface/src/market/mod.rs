//! Program `market`: listings of encrypted datasets, purchases, and the verified delivery of keys.

mod arguments;
mod config;
mod error;
mod events;
mod listing;
mod purchase;
mod share;

pub use arguments::{AddBondArguments, BuyArguments, CreateListingArguments, DeliverArguments, UpdateListingArguments};
pub use config::MarketConfig;
pub use error::MarketError;
pub use events::{
    DatasetBought, DatasetDelivered, ListingBondAdded, ListingBondWithdrawn, ListingClosed, ListingCreated,
    ListingUpdated, ListingWithdrawn, PenaltyPaid, PurchaseClosed, PurchaseRated, PurchaseRefunded,
};
pub use listing::Listing;
pub use purchase::Purchase;
pub use share::Share;

use lumora_core::units::Bps;

use crate::Address;

/// Address of the program.
pub const ID: Address = Address::from_str_const("3g7RK3C6VCkQ7KERzk1EquRgXoYtGBvawxT6P2fqM3LA");

/// First seed of each derived address.
pub mod seed {
    /// The one [`MarketConfig`](super::MarketConfig).
    pub const CONFIG: &[u8] = b"config";
    /// A [`Listing`](super::Listing); followed by its seller and its number.
    pub const LISTING: &[u8] = b"listing";
    /// A [`Purchase`](super::Purchase); followed by the address of the listing, the buyer and its number. It is also
    /// the authority of its vault.
    pub const PURCHASE: &[u8] = b"purchase";
    /// The token account with a purchase's LMR; followed by the address of the purchase.
    pub const VAULT: &[u8] = b"vault";
    /// The token account with a listing's bond; followed by the address of the listing, which is its authority.
    pub const BOND: &[u8] = b"bond";
}

instructions! {
    INITIALIZE = 0, initialize;
    CREATE_LISTING = 1, create_listing;
    BUY = 2, buy;
    DELIVER = 3, deliver;
    REFUND = 4, refund;
    RATE = 5, rate;
    WITHDRAW_LISTING = 6, withdraw_listing;
    UPDATE_LISTING = 7, update_listing;
    ADD_BOND = 8, add_bond;
    WITHDRAW_BOND = 9, withdraw_bond;
    CLOSE_LISTING = 10, close_listing;
    CLOSE_PURCHASE = 11, close_purchase;
}

/// Values of [`Listing::state`].
pub mod listing_state {
    /// Can be bought.
    pub const ACTIVE: u8 = 1;
    /// Its seller sells it no more; what was bought is still delivered or refunded.
    pub const WITHDRAWN: u8 = 2;
}

/// Values of [`Purchase::state`]. A refunded purchase is closed.
pub mod purchase_state {
    /// Paid into the vault; the key is awaited.
    pub const OPEN: u8 = 1;
    /// The key was delivered and the money paid out.
    pub const DELIVERED: u8 = 2;
}

/// Most payees of a listing.
pub const MAX_PAYEES: usize = 8;

/// Longest time that a seller may give itself to deliver, in seconds: a week.
pub const MAX_DELIVERY_SECONDS: u32 = 7 * 24 * 3_600;

/// Share of the price that a buyer gets on top of it, out of the seller's bond, when a purchase is not delivered in time. Of
/// listings without a bond there is none.
pub const LATE_PENALTY: Bps = Bps(1_000);

/// Time after delivery in which a buyer may rate, in seconds: 30 days.
pub const RATING_SECONDS: i64 = 30 * 24 * 3_600;

/// Address and bump of the one [`MarketConfig`].
pub fn config_address() -> (Address, u8) {
    Address::find_program_address(&[seed::CONFIG], &ID)
}

/// Address and bump of a seller's listing with this number.
pub fn listing_address(seller: &Address, id: u64) -> (Address, u8) {
    Address::find_program_address(&[seed::LISTING, seller.as_ref(), &id.to_le_bytes()], &ID)
}

/// Address and bump of a buyer's purchase of a listing with this number.
pub fn purchase_address(listing: &Address, buyer: &Address, index: u32) -> (Address, u8) {
    Address::find_program_address(
        &[seed::PURCHASE, listing.as_ref(), buyer.as_ref(), &index.to_le_bytes()],
        &ID,
    )
}

/// Address and bump of the token account with a purchase's LMR.
pub fn vault_address(purchase: &Address) -> (Address, u8) {
    Address::find_program_address(&[seed::VAULT, purchase.as_ref()], &ID)
}

/// Address and bump of the token account with a listing's bond.
pub fn bond_vault_address(listing: &Address) -> (Address, u8) {
    Address::find_program_address(&[seed::BOND, listing.as_ref()], &ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminators_are_those_the_framework_computes() {
        assert_discriminators!("account", crate::Account, MarketConfig, Listing, Purchase);
        assert_discriminators!(
            "event",
            crate::Event,
            ListingCreated,
            ListingUpdated,
            ListingWithdrawn,
            ListingClosed,
            ListingBondAdded,
            ListingBondWithdrawn,
            PenaltyPaid,
            PurchaseClosed,
            DatasetBought,
            DatasetDelivered,
            PurchaseRefunded,
            PurchaseRated,
        );
    }
}
