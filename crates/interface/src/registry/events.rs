//! Events of program `registry`.

use crate::Address;

/// Declares [`NetworkInitialized`].
#[macro_export]
macro_rules! network_initialized_event {
    ($(#[$attribute:meta])*) => {
        /// The network exists.
        $(#[$attribute])*
        pub struct NetworkInitialized {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// May change parameters.
            pub authority: Address,
            /// Bound into every signed message.
            pub network_id: [u8; 32],
        }
    };
}

/// Declares [`NodeRegistered`].
#[macro_export]
macro_rules! node_registered_event {
    ($(#[$attribute:meta])*) => {
        /// A node was registered.
        $(#[$attribute])*
        pub struct NodeRegistered {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: u8,
            /// Which of its owner's nodes this is.
            pub index: u16,
            /// Rate that the provider is willing to share, in kbit/s.
            pub limit_kbps: u32,
            /// The node's account.
            pub node: Address,
            /// Wallet that owns it.
            pub owner: Address,
            /// H3 cell in which it stands.
            pub h3_cell: u64,
        }
    };
}

/// Declares [`NodeUpdated`].
#[macro_export]
macro_rules! node_updated_event {
    ($(#[$attribute:meta])*) => {
        /// A node's owner changed its limits, location, keys or status.
        $(#[$attribute])*
        pub struct NodeUpdated {
            /// Layout version.
            pub version: u8,
            /// Active or paused.
            pub status: u8,
            /// Shards that it is willing to work on at the same time.
            pub shard_capacity: u16,
            /// Rate that the provider is willing to share, in kbit/s.
            pub limit_kbps: u32,
            /// The node's account.
            pub node: Address,
            /// H3 cell in which it stands.
            pub h3_cell: u64,
        }
    };
}

/// Declares [`BondDeposited`].
#[macro_export]
macro_rules! bond_deposited_event {
    ($(#[$attribute:meta])*) => {
        /// A bond grew.
        $(#[$attribute])*
        pub struct BondDeposited {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The node's account.
            pub node: Address,
            /// LMR base units added.
            pub amount: u64,
            /// LMR base units of bond that the node has now.
            pub bond: u64,
        }
    };
}

network_initialized_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
node_registered_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
node_updated_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
bond_deposited_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
event!(NetworkInitialized, discriminator = [248, 98, 167, 253, 2, 186, 222, 90]);
event!(NodeRegistered, discriminator = [15, 57, 183, 59, 93, 55, 157, 195]);
event!(NodeUpdated, discriminator = [3, 8, 87, 251, 118, 64, 24, 70]);
event!(BondDeposited, discriminator = [210, 149, 47, 232, 72, 128, 248, 153]);
