//! One payee of a listing. Declared apart from [`Listing`](super::Listing), because it is an argument as well.

use crate::Address;

/// Declares [`Share`].
#[macro_export]
macro_rules! share_type {
    ($(#[$attribute:meta])*) => {
        /// What one payee gets of each sale, after the protocol's fee.
        $(#[$attribute])*
        pub struct Share {
            /// Wallet that is paid, into any of its LMR token accounts.
            pub payee: Address,
            /// Its part in basis points; the parts of a listing sum to 10,000.
            pub basis_points: u16,
        }
    };
}

share_type!(
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[cfg_attr(feature = "borsh", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
);
