//! Events of program `market`.

use crate::Address;

/// Declares [`ListingCreated`].
#[macro_export]
macro_rules! listing_created_event {
    ($(#[$attribute:meta])*) => {
        /// A dataset is for sale.
        $(#[$attribute])*
        pub struct ListingCreated {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Address of the listing.
            pub listing: Address,
            /// Wallet that sells.
            pub seller: Address,
            /// SHA-256 of the data card.
            pub metadata_hash: [u8; 32],
            /// LMR base units for one copy.
            pub price: u64,
            /// Number of rows.
            pub rows: u64,
        }
    };
}

/// Declares [`ListingWithdrawn`].
#[macro_export]
macro_rules! listing_withdrawn_event {
    ($(#[$attribute:meta])*) => {
        /// A dataset is no longer for sale.
        $(#[$attribute])*
        pub struct ListingWithdrawn {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Purchases that are still to be delivered or refunded.
            pub open_purchases: u32,
            /// Address of the listing.
            pub listing: Address,
        }
    };
}

/// Declares [`DatasetBought`].
#[macro_export]
macro_rules! dataset_bought_event {
    ($(#[$attribute:meta])*) => {
        /// Somebody paid into the vault of a purchase and awaits the key.
        $(#[$attribute])*
        pub struct DatasetBought {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// The buyer's own number of this purchase.
            pub index: u32,
            /// Address of the listing.
            pub listing: Address,
            /// Address of the purchase.
            pub purchase: Address,
            /// Wallet that paid.
            pub buyer: Address,
            /// B.
            pub buyer_key: [u8; 32],
            /// LMR base units paid.
            pub amount: u64,
            /// Unix time after which it is refunded.
            pub deadline: i64,
        }
    };
}

/// Declares [`DatasetDelivered`].
#[macro_export]
macro_rules! dataset_delivered_event {
    ($(#[$attribute:meta])*) => {
        /// The key was delivered and the money paid out.
        $(#[$attribute])*
        pub struct DatasetDelivered {
            /// Layout version.
            pub version: u8,
            /// Number of payees.
            pub payees: u8,
            /// Zero.
            pub _padding: [u8; 6],
            /// Address of the listing.
            pub listing: Address,
            /// Address of the purchase.
            pub purchase: Address,
            /// R.
            pub ephemeral: [u8; 32],
            /// E.
            pub sealed: [u8; 32],
            /// LMR base units paid out, the fee included.
            pub amount: u64,
            /// LMR base units of these that are the protocol's fee.
            pub fee: u64,
        }
    };
}

/// Declares [`PurchaseRefunded`].
#[macro_export]
macro_rules! purchase_refunded_event {
    ($(#[$attribute:meta])*) => {
        /// A purchase was not delivered in time; the buyer has the money back.
        $(#[$attribute])*
        pub struct PurchaseRefunded {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Address of the listing.
            pub listing: Address,
            /// Address of the purchase.
            pub purchase: Address,
            /// Wallet that was refunded.
            pub buyer: Address,
            /// LMR base units.
            pub amount: u64,
        }
    };
}

/// Declares [`PurchaseRated`].
#[macro_export]
macro_rules! purchase_rated_event {
    ($(#[$attribute:meta])*) => {
        /// A buyer rated what it bought.
        $(#[$attribute])*
        pub struct PurchaseRated {
            /// Layout version.
            pub version: u8,
            /// 1 to 5.
            pub rating: u8,
            /// Zero.
            pub _padding: [u8; 6],
            /// Address of the listing.
            pub listing: Address,
            /// Address of the purchase.
            pub purchase: Address,
        }
    };
}

macro_rules! plain {
    ($($name:ident),+) => {
        $($name!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);)+
    };
}
plain!(
    listing_created_event,
    listing_withdrawn_event,
    dataset_bought_event,
    dataset_delivered_event,
    purchase_refunded_event,
    purchase_rated_event
);
event!(ListingCreated, discriminator = [94, 164, 167, 255, 246, 186, 12, 96]);
event!(ListingWithdrawn, discriminator = [114, 224, 53, 247, 204, 14, 99, 254]);
event!(DatasetBought, discriminator = [11, 71, 90, 10, 110, 226, 200, 134]);
event!(DatasetDelivered, discriminator = [184, 170, 194, 42, 187, 244, 174, 91]);
event!(PurchaseRefunded, discriminator = [181, 111, 228, 8, 192, 68, 247, 37]);
event!(PurchaseRated, discriminator = [118, 233, 200, 235, 5, 12, 232, 226]);
