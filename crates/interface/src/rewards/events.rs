//! Events of program `rewards`. All but the first move value and are recorded by a self-call.

use crate::Address;

/// Declares [`EmissionInitialized`].
#[macro_export]
macro_rules! emission_initialized_event {
    ($(#[$attribute:meta])*) => {
        /// The LMR mint exists.
        $(#[$attribute])*
        pub struct EmissionInitialized {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The LMR mint.
            pub mint: Address,
            /// LMR base units in the early-participant pool.
            pub early_minted: u64,
            /// Most LMR base units that all epochs together may mint.
            pub cap: u64,
        }
    };
}

/// Declares [`EpochFunded`].
#[macro_export]
macro_rules! epoch_funded_event {
    ($(#[$attribute:meta])*) => {
        /// The rewards of an epoch were minted into the pool.
        $(#[$attribute])*
        pub struct EpochFunded {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Number of the epoch.
            pub epoch: u64,
            /// LMR base units minted now.
            pub amount: u64,
            /// LMR base units minted for epochs so far.
            pub minted: u64,
        }
    };
}

/// Declares [`RewardClaimed`].
#[macro_export]
macro_rules! reward_claimed_event {
    ($(#[$attribute:meta])*) => {
        /// A node's reward was paid to its owner.
        $(#[$attribute])*
        pub struct RewardClaimed {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Address of the node's account.
            pub node: Address,
            /// Wallet that was paid.
            pub owner: Address,
            /// LMR base units paid now.
            pub amount: u64,
            /// LMR base units claimed in the node's lifetime.
            pub claimed: u64,
            /// Epoch up to which the attestation counts.
            pub epoch: u64,
        }
    };
}

/// Declares [`Granted`].
#[macro_export]
macro_rules! granted_event {
    ($(#[$attribute:meta])*) => {
        /// LMR left the early-participant pool.
        $(#[$attribute])*
        pub struct Granted {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// Wallet that received it.
            pub recipient: Address,
            /// LMR base units.
            pub amount: u64,
            /// LMR base units granted so far.
            pub granted: u64,
        }
    };
}

emission_initialized_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
epoch_funded_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
reward_claimed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
granted_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
event!(
    EmissionInitialized,
    discriminator = [140, 133, 145, 16, 253, 245, 118, 106]
);
event!(EpochFunded, discriminator = [195, 100, 72, 55, 149, 43, 110, 236]);
event!(RewardClaimed, discriminator = [49, 28, 87, 84, 158, 48, 229, 175]);
event!(Granted, discriminator = [181, 171, 83, 104, 129, 159, 110, 140]);
