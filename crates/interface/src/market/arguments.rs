//! Arguments of the instructions, in the order in which they are serialised (borsh).

use crate::Address;

/// Declares [`CreateListingArguments`].
#[macro_export]
macro_rules! create_listing_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `create_listing` between the listing's number (u64) and the list of `Share`s.
        $(#[$attribute])*
        pub struct CreateListingArguments {
            /// LMR base units for one copy, the protocol's fee included.
            pub price: u64,
            /// Seconds in which a sale must be delivered.
            pub delivery_seconds: u32,
            /// P: the seller's secret times the base point.
            pub listing_key: [u8; 32],
            /// Id of the dataset.
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
        }
    };
}

/// Declares [`UpdateListingArguments`].
#[macro_export]
macro_rules! update_listing_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `update_listing`: all that a seller may change. What is sold, and who is paid for it, stays.
        $(#[$attribute])*
        pub struct UpdateListingArguments {
            /// LMR base units for one copy, the protocol's fee included.
            pub price: u64,
            /// Seconds in which a later sale must be delivered.
            pub delivery_seconds: u32,
            /// SHA-256 of the data card.
            pub metadata_hash: [u8; 32],
            /// SHA-256 of the text of the URI where the data card is.
            pub uri_hash: [u8; 32],
        }
    };
}

/// Declares [`AddBondArguments`].
#[macro_export]
macro_rules! add_bond_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `add_bond`.
        $(#[$attribute])*
        pub struct AddBondArguments {
            /// LMR base units to add.
            pub amount: u64,
        }
    };
}

/// Declares [`BuyArguments`].
#[macro_export]
macro_rules! buy_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `buy` after the purchase's number (u32).
        $(#[$attribute])*
        pub struct BuyArguments {
            /// Revision of the listing that the buyer has seen.
            pub revision: u32,
            /// LMR base units that the buyer agrees to pay.
            pub price: u64,
            /// B: the buyer's one-time secret times the base point.
            pub buyer_key: [u8; 32],
        }
    };
}

/// Declares [`DeliverArguments`].
#[macro_export]
macro_rules! deliver_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `deliver`.
        $(#[$attribute])*
        pub struct DeliverArguments {
            /// R.
            pub ephemeral: [u8; 32],
            /// E.
            pub sealed: [u8; 32],
            /// The proof: challenge (16 bytes), response for the secret, response for the ephemeral (32 bytes each).
            pub proof: [u8; 80],
        }
    };
}

plain_arguments!(
    create_listing_arguments,
    update_listing_arguments,
    add_bond_arguments,
    buy_arguments,
    deliver_arguments,
);
