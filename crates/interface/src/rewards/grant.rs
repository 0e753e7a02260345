//! An allocation from the early-participant pool.

use crate::Address;

/// Declares [`Grant`].
#[macro_export]
macro_rules! grant_account {
    ($(#[$attribute:meta])*) => {
        /// An allocation from the early-participant pool, released as it vests. Nobody can take it back. Closed once all of
        /// it is released. Amounts are LMR base units.
        $(#[$attribute])*
        pub struct Grant {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Zero.
            pub _padding: u16,
            /// Which of the recipient's grants it is; part of its address.
            pub index: u32,
            /// Wallet that it is for.
            pub recipient: Address,
            /// What was granted.
            pub amount: u64,
            /// Paid out so far.
            pub released: u64,
            /// Unix time of the grant, from which vesting is counted.
            pub starts_at: i64,
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// Room for later fields; zero.
            pub _reserved: [u8; 32],
        }
    };
}

grant_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Grant,
    owner = super::ID,
    discriminator = [161, 166, 11, 205, 204, 135, 205, 54]
);
