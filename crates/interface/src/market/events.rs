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

/// Declares [`ListingUpdated`].
#[macro_export]
macro_rules! listing_updated_event {
    ($(#[$attribute:meta])*) => {
        /// A seller changed the terms of a listing. What was bought before keeps its own.
        $(#[$attribute])*
        pub struct ListingUpdated {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Revision of the listing from now on.
            pub revision: u32,
            /// Seconds in which a later sale must be delivered.
            pub delivery_seconds: u32,
            /// LMR base units for one copy.
            pub price: u64,
            /// Address of the listing.
            pub listing: Address,
            /// SHA-256 of the data card.
            pub metadata_hash: [u8; 32],
            /// SHA-256 of the text of the URI where the data card is.
            pub uri_hash: [u8; 32],
        }
    };
}

/// Declares [`ListingClosed`].
#[macro_export]
macro_rules! listing_closed_event {
    ($(#[$attribute:meta])*) => {
        /// A withdrawn listing's account was closed.
        $(#[$attribute])*
        pub struct ListingClosed {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Address that the listing had.
            pub listing: Address,
            /// Wallet that sold.
            pub seller: Address,
            /// Copies delivered.
            pub sales: u64,
            /// Purchases that were refunded.
            pub refunds: u64,
        }
    };
}

/// Declares [`ListingBondAdded`].
#[macro_export]
macro_rules! listing_bond_added_event {
    ($(#[$attribute:meta])*) => {
        /// A seller put up LMR that buyers are paid from when it delivers late.
        $(#[$attribute])*
        pub struct ListingBondAdded {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Address of the listing.
            pub listing: Address,
            /// LMR base units added.
            pub amount: u64,
            /// LMR base units of the whole bond.
            pub bond: u64,
        }
    };
}

/// Declares [`ListingBondWithdrawn`].
#[macro_export]
macro_rules! listing_bond_withdrawn_event {
    ($(#[$attribute:meta])*) => {
        /// The bond of a withdrawn listing went back to its seller.
        $(#[$attribute])*
        pub struct ListingBondWithdrawn {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Address of the listing.
            pub listing: Address,
            /// Wallet that was paid.
            pub seller: Address,
            /// LMR base units.
            pub amount: u64,
        }
    };
}

/// Declares [`PenaltyPaid`].
#[macro_export]
macro_rules! penalty_paid_event {
    ($(#[$attribute:meta])*) => {
        /// A buyer whose purchase was refunded was paid out of the seller's bond as well.
        $(#[$attribute])*
        pub struct PenaltyPaid {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Address of the listing.
            pub listing: Address,
            /// Address of the purchase.
            pub purchase: Address,
            /// Wallet that was paid.
            pub buyer: Address,
            /// LMR base units.
            pub amount: u64,
            /// LMR base units of bond that are left.
            pub bond: u64,
        }
    };
}

/// Declares [`PurchaseClosed`].
#[macro_export]
macro_rules! purchase_closed_event {
    ($(#[$attribute:meta])*) => {
        /// A buyer closed the account of a delivered purchase.
        $(#[$attribute])*
        pub struct PurchaseClosed {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Address of the listing.
            pub listing: Address,
            /// Address that the purchase had.
            pub purchase: Address,
            /// Wallet that bought.
            pub buyer: Address,
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
            /// Bit map of the payees without an account to be paid into, whose parts went to the treasury.
            pub unpaid: u8,
            /// Zero.
            pub _padding: [u8; 5],
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
    listing_updated_event,
    listing_withdrawn_event,
    listing_closed_event,
    listing_bond_added_event,
    listing_bond_withdrawn_event,
    penalty_paid_event,
    purchase_closed_event,
    dataset_bought_event,
    dataset_delivered_event,
    purchase_refunded_event,
    purchase_rated_event
);
event!(ListingCreated, discriminator = [94, 164, 167, 255, 246, 186, 12, 96]);
event!(ListingUpdated, discriminator = [190, 215, 199, 138, 255, 248, 98, 62]);
event!(ListingClosed, discriminator = [86, 219, 253, 196, 184, 194, 176, 78]);
event!(ListingBondAdded, discriminator = [119, 154, 184, 87, 177, 30, 64, 64]);
event!(
    ListingBondWithdrawn,
    discriminator = [215, 115, 86, 27, 184, 134, 112, 231]
);
event!(PenaltyPaid, discriminator = [109, 241, 230, 150, 42, 79, 115, 132]);
event!(PurchaseClosed, discriminator = [205, 98, 1, 100, 172, 74, 79, 183]);
event!(ListingWithdrawn, discriminator = [114, 224, 53, 247, 204, 14, 99, 254]);
event!(DatasetBought, discriminator = [11, 71, 90, 10, 110, 226, 200, 134]);
event!(DatasetDelivered, discriminator = [184, 170, 194, 42, 187, 244, 174, 91]);
event!(PurchaseRefunded, discriminator = [181, 111, 228, 8, 192, 68, 247, 37]);
event!(PurchaseRated, discriminator = [118, 233, 200, 235, 5, 12, 232, 226]);
