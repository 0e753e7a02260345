//! Where the protocol's fees for data go.

use crate::Address;

/// Declares [`MarketConfig`].
#[macro_export]
macro_rules! market_config_account {
    ($(#[$attribute:meta])*) => {
        /// Where the protocol's fees for data go. The fee itself is a parameter of the registry's `Network`.
        $(#[$attribute])*
        pub struct MarketConfig {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Zero.
            pub _padding: [u8; 6],
            /// Token account that receives the fees.
            pub treasury: Address,
            /// Room for later fields; zero.
            pub _reserved: [u8; 64],
        }
    };
}

market_config_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    MarketConfig,
    owner = super::ID,
    discriminator = [119, 255, 200, 88, 252, 82, 128, 24]
);
