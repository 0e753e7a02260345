//! One copy of a dataset that somebody paid for.

use lumora_core::delivery::Point;

use crate::Address;

/// Declares [`Purchase`].
#[macro_export]
macro_rules! purchase_account {
    ($(#[$attribute:meta])*) => {
        /// One copy of a dataset that somebody paid for, and the sealed key once it is delivered.
        $(#[$attribute])*
        pub struct Purchase {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Bump of the vault's address.
            pub vault_bump: u8,
            /// Open or delivered; see `purchase_state`.
            pub state: u8,
            /// 1 to 5; zero while not rated.
            pub rating: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// The buyer's own number of this purchase; part of its address.
            pub index: u32,
            /// Revision of the listing that was bought.
            pub revision: u32,
            /// Address of the listing.
            pub listing: Address,
            /// Wallet that paid; gets a refund, and the rent.
            pub buyer: Address,
            /// B: the buyer's one-time secret times the base point; see `core::delivery`.
            pub buyer_key: [u8; 32],
            /// R: zero until delivered.
            pub ephemeral: [u8; 32],
            /// E: zero until delivered. Opened with the buyer's secret, it gives the content key.
            pub sealed: [u8; 32],
            /// LMR base units paid.
            pub amount: u64,
            /// Unix time of the payment.
            pub bought_at: i64,
            /// Unix time after which it can no longer be delivered, only refunded.
            pub deadline: i64,
            /// Unix time of the delivery; zero before.
            pub delivered_at: i64,
            /// Unix time of the rating; zero before.
            pub rated_at: i64,
            /// LMR base units that the buyer gets out of the seller's bond if this is not delivered in time.
            pub penalty: u64,
            /// Id of the dataset, with which the content key is derived: what was bought can be opened when the listing is
            /// closed. Zero in purchases that are older than this field: look at the listing.
            pub dataset_id: [u8; 32],
            /// Room for later fields; zero.
            pub _reserved: [u8; 24],
        }
    };
}

purchase_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Purchase,
    owner = super::ID,
    discriminator = [33, 203, 1, 252, 231, 228, 8, 67]
);

impl Purchase {
    /// B as the rules in `core` take it.
    pub fn key(&self) -> Point {
        Point(self.buyer_key)
    }

    /// R and E, which the buyer opens; `None` before the delivery.
    pub fn delivery(&self) -> Option<(Point, Point)> {
        (self.state == super::purchase_state::DELIVERED).then_some((Point(self.ephemeral), Point(self.sealed)))
    }
}
