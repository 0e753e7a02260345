//! Where the protocol's fees for work go.

use crate::Address;

/// Declares [`TasksConfig`].
#[macro_export]
macro_rules! tasks_config_account {
    ($(#[$attribute:meta])*) => {
        /// Where the protocol's fees for work go. The fee itself is a parameter of the registry's `Network`.
        $(#[$attribute])*
        pub struct TasksConfig {
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

tasks_config_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    TasksConfig,
    owner = super::ID,
    discriminator = [182, 209, 117, 213, 106, 89, 22, 157]
);
