//! A dataset for sale.

use lumora_core::delivery::Point;

use super::{LATE_PENALTY, MAX_DELIVERY_SECONDS, MAX_PAYEES, RATING_SECONDS, listing_state};
use crate::Address;

/// Declares [`Listing`].
#[macro_export]
macro_rules! listing_account {
    ($(#[$attribute:meta])*) => {
        /// A dataset for sale.
        $(#[$attribute])*
        pub struct Listing {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Active or withdrawn; see `listing_state`.
            pub state: u8,
            /// Number of payees.
            pub payee_count: u8,
            /// Share of each payment that the protocol keeps, in basis points; fixed at creation.
            pub fee_bps: u16,
            /// Zero.
            pub _padding: u16,
            /// Grows with every change of what is sold or what it costs: a buyer names the one that it has seen.
            pub revision: u32,
            /// Seconds in which a sale must be delivered.
            pub delivery_seconds: u32,
            /// Wallet that sells.
            pub seller: Address,
            /// The seller's own number of this listing; part of its address.
            pub id: u64,
            /// LMR base units for one copy, the protocol's fee included.
            pub price: u64,
            /// The LMR mint.
            pub lmr_mint: Address,
            /// Token account that receives the protocol's fees; fixed at creation.
            pub treasury: Address,
            /// The network's id, bound into every delivery.
            pub network_id: [u8; 32],
            /// P: the seller's secret times the base point; see `core::delivery`.
            pub listing_key: [u8; 32],
            /// Id of the dataset: the salt with which its content key is derived.
            pub dataset_id: [u8; 32],
            /// SHA-256 of the data card.
            pub metadata_hash: [u8; 32],
            /// SHA-256 of the text of the URI where the data card is.
            pub uri_hash: [u8; 32],
            /// SHA-256 of the package that names the encrypted segments.
            pub content_hash: [u8; 32],
            /// Merkle root of the encrypted segments.
            pub ciphertext_root: [u8; 32],
            /// Merkle root of the segments in clear.
            pub plaintext_root: [u8; 32],
            /// Merkle root of the provenance of the records.
            pub provenance_root: [u8; 32],
            /// Job that the records were collected by; zero when there was none.
            pub job: Address,
            /// Number of rows.
            pub rows: u64,
            /// Bytes of all encrypted segments.
            pub size_bytes: u64,
            /// Number of encrypted segments.
            pub segments: u32,
            /// Purchases that are paid and neither delivered nor refunded.
            pub open_purchases: u32,
            /// Copies delivered.
            pub sales: u64,
            /// LMR base units paid out for them, the protocol's fee included.
            pub volume: u64,
            /// Purchases that were refunded.
            pub refunds: u64,
            /// Number of ratings.
            pub ratings: u64,
            /// Sum of the ratings, each 1 to 5.
            pub rating_sum: u64,
            /// LMR base units that the seller put up, and buyers are paid from when it delivers late.
            pub bond: u64,
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// Unix time of creation.
            pub created_at: i64,
            /// Unix time of the last change.
            pub updated_at: i64,
            /// Wallets of the payees.
            pub payees: [Address; 8],
            /// Their parts of what is left after the fee, in basis points; they sum to 10,000.
            pub shares: [u16; 8],
            /// LMR base units of the bond that are set aside for purchases that may still be late; never more than the bond.
            pub open_penalties: u64,
            /// Bump of the bond vault's address; zero while there is none, and sales are made without a penalty.
            pub bond_bump: u8,
            /// Zero.
            pub _padding_2: [u8; 7],
            /// LMR base units paid for the rated copies, the protocol's fee included.
            pub rated_volume: u64,
            /// Sum over the ratings: each times the LMR base units paid for its copy.
            pub weighted_ratings: u64,
            /// Room for later fields; zero.
            pub _reserved: [u8; 96],
        }
    };
}

listing_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Listing,
    owner = super::ID,
    discriminator = [218, 32, 50, 73, 43, 134, 26, 58]
);

impl Listing {
    /// P as the rules in `core` take it.
    pub fn key(&self) -> Point {
        Point(self.listing_key)
    }

    /// The wallets that are paid, in the order in which `deliver` wants their token accounts.
    pub fn payees(&self) -> &[Address] {
        &self.payees[..usize::from(self.payee_count).min(MAX_PAYEES)]
    }

    /// Whether the seller has put up a bond, which sets a penalty aside for each purchase.
    pub fn is_bonded(&self) -> bool {
        self.bond_bump != 0
    }

    /// LMR base units that a buyer gets on top of the price when a purchase made now is not delivered in time.
    pub fn penalty(&self) -> u64 {
        if self.is_bonded() {
            LATE_PENALTY.of(self.price)
        } else {
            0
        }
    }

    /// LMR base units of the bond that no open purchase has a claim on.
    pub fn free_bond(&self) -> u64 {
        self.bond.saturating_sub(self.open_penalties)
    }

    /// Unix time from which the account may be closed; `None` while it is not withdrawn. Where copies were sold, that is
    /// when the last of them could have been delivered and the time to rate it is over: until then every buyer finds here
    /// what was promised. A listing that is made later at the same address can therefore not be rated for this one's sales.
    pub fn closable_from(&self) -> Option<i64> {
        // Nothing touches `updated_at` after the withdrawal.
        let withdrawn_at = (self.state == listing_state::WITHDRAWN).then_some(self.updated_at)?;
        if self.sales == 0 {
            return Some(withdrawn_at);
        }
        Some(
            withdrawn_at
                .saturating_add(i64::from(MAX_DELIVERY_SECONDS))
                .saturating_add(RATING_SECONDS)
                .saturating_add(1),
        )
    }

    /// Mean rating in hundredths, 100 to 500; `None` while there is no rating.
    pub fn mean_rating(&self) -> Option<u64> {
        self.rating_sum.saturating_mul(100).checked_div(self.ratings)
    }
}
