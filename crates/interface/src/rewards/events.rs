//! Events of program `rewards`. Those that move value, or promise it, are recorded by a self-call: `EpochFunded`,
//! `RewardClaimed` and `RewardsClaimed` (between them every payment from the pool), `Granted`, `GrantReleased` and
//! `FeesBurned`.

use super::MAX_CLAIMS;
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
        /// One node's reward was paid to its owner, by `claim`.
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

/// Declares [`RewardsClaimed`].
#[macro_export]
macro_rules! rewards_claimed_event {
    ($(#[$attribute:meta])*) => {
        /// The rewards of several nodes were paid to their owners, by `claim_many`: one record for all of them, at a fraction
        /// of the price of one each. The first `count` elements of each list are set, in the order of payment; a node that
        /// was paid nothing is not among them. `claims` gives them as [`RewardClaimed`].
        $(#[$attribute])*
        pub struct RewardsClaimed {
            /// Layout version.
            pub version: u8,
            /// Number of payments.
            pub count: u8,
            /// Zero.
            pub _padding: [u8; 6],
            /// Addresses of the nodes' accounts.
            pub nodes: [Address; 16],
            /// Wallets that were paid.
            pub owners: [Address; 16],
            /// LMR base units paid now.
            pub amounts: [u64; 16],
            /// LMR base units claimed in the nodes' lifetimes.
            pub claimed: [u64; 16],
            /// Epochs up to which the attestations count.
            pub epochs: [u64; 16],
        }
    };
}

/// Declares [`Granted`].
#[macro_export]
macro_rules! granted_event {
    ($(#[$attribute:meta])*) => {
        /// LMR of the early-participant pool was allocated to a wallet.
        $(#[$attribute])*
        pub struct Granted {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Which of the recipient's grants it is.
            pub index: u32,
            /// Wallet that it is for.
            pub recipient: Address,
            /// LMR base units.
            pub amount: u64,
            /// LMR base units granted to anybody so far.
            pub granted: u64,
        }
    };
}

/// Declares [`GrantReleased`].
#[macro_export]
macro_rules! grant_released_event {
    ($(#[$attribute:meta])*) => {
        /// What had vested of a grant was paid.
        $(#[$attribute])*
        pub struct GrantReleased {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Which of the recipient's grants it is.
            pub index: u32,
            /// Wallet that was paid.
            pub recipient: Address,
            /// LMR base units paid now.
            pub amount: u64,
            /// LMR base units that are still to be paid; when zero, the grant was closed.
            pub outstanding: u64,
        }
    };
}

/// Declares [`BreakerSet`].
#[macro_export]
macro_rules! breaker_set_event {
    ($(#[$attribute:meta])*) => {
        /// The circuit breaker was changed.
        $(#[$attribute])*
        pub struct BreakerSet {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Seconds of a window.
            pub seconds: u32,
            /// Most LMR base units that may be claimed in one window; zero when it is off.
            pub limit: u64,
        }
    };
}

/// Declares [`FeesBurned`].
#[macro_export]
macro_rules! fees_burned_event {
    ($(#[$attribute:meta])*) => {
        /// The fees were burned, in part or wholly, and the rest was paid to the network's authority.
        $(#[$attribute])*
        pub struct FeesBurned {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The network's authority.
            pub authority: Address,
            /// LMR base units burned now.
            pub burned: u64,
            /// LMR base units paid to the authority.
            pub paid: u64,
            /// LMR base units of fees burned so far.
            pub total_burned: u64,
        }
    };
}

/// Declares [`MetadataCreated`].
#[macro_export]
macro_rules! metadata_created_event {
    ($(#[$attribute:meta])*) => {
        /// The LMR mint has a name, a symbol and a URI.
        $(#[$attribute])*
        pub struct MetadataCreated {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 7],
            /// The LMR mint.
            pub mint: Address,
            /// The account with the metadata.
            pub metadata: Address,
            /// May change it.
            pub update_authority: Address,
        }
    };
}

emission_initialized_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
epoch_funded_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
reward_claimed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
rewards_claimed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
granted_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
grant_released_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
breaker_set_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
fees_burned_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
metadata_created_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
event!(
    EmissionInitialized,
    discriminator = [140, 133, 145, 16, 253, 245, 118, 106]
);
event!(EpochFunded, discriminator = [195, 100, 72, 55, 149, 43, 110, 236]);
event!(RewardClaimed, discriminator = [49, 28, 87, 84, 158, 48, 229, 175]);
event!(RewardsClaimed, discriminator = [75, 98, 88, 18, 219, 112, 88, 121]);
event!(Granted, discriminator = [181, 171, 83, 104, 129, 159, 110, 140]);
event!(GrantReleased, discriminator = [45, 48, 220, 207, 65, 50, 190, 64]);
event!(BreakerSet, discriminator = [32, 226, 142, 202, 221, 132, 173, 154]);
event!(FeesBurned, discriminator = [156, 235, 149, 7, 62, 121, 205, 23]);
event!(MetadataCreated, discriminator = [234, 3, 154, 42, 141, 27, 63, 39]);

impl RewardsClaimed {
    /// Every payment, in the shape that `claim` records it.
    pub fn claims(&self) -> impl Iterator<Item = RewardClaimed> + '_ {
        (0..usize::from(self.count).min(MAX_CLAIMS)).map(|index| RewardClaimed {
            version: self.version,
            _padding: [0; 7],
            node: self.nodes[index],
            owner: self.owners[index],
            amount: self.amounts[index],
            claimed: self.claimed[index],
            epoch: self.epochs[index],
        })
    }
}
