//! Events of program `bandwidth`.

use crate::Address;

/// Declares [`OracleAdded`].
#[macro_export]
macro_rules! oracle_added_event {
    ($(#[$attribute:meta])*) => {
        /// An oracle joined the set; it counts from the next epoch on.
        $(#[$attribute])*
        pub struct OracleAdded {
            /// Layout version.
            pub version: u8,
            /// Its index in the set.
            pub index: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Version of the set from now on.
            pub set_version: u32,
            /// ed25519 key with which it signs.
            pub key: Address,
        }
    };
}

/// Declares [`EpochOpened`].
#[macro_export]
macro_rules! epoch_opened_event {
    ($(#[$attribute:meta])*) => {
        /// An epoch began.
        $(#[$attribute])*
        pub struct EpochOpened {
            /// Layout version.
            pub version: u8,
            /// Signatures that will be needed.
            pub quorum: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Bitmap of its members.
            pub members: u32,
            /// Number of the epoch.
            pub epoch: u64,
            /// Decides who measures whom.
            pub seed: [u8; 32],
            /// Unix time at which measurement ends.
            pub ends_at: i64,
            /// Unix time after which no bundle may be committed.
            pub cutoff_at: i64,
        }
    };
}

/// Declares [`BundleCommitted`].
#[macro_export]
macro_rules! bundle_committed_event {
    ($(#[$attribute:meta])*) => {
        /// An oracle committed its receipts of an epoch.
        $(#[$attribute])*
        pub struct BundleCommitted {
            /// Layout version.
            pub version: u8,
            /// Index of the oracle in the set.
            pub oracle: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Number of entries: receipts, and what the oracle saw of nodes.
            pub count: u32,
            /// Number of the epoch.
            pub epoch: u64,
            /// Root of the bundle.
            pub root: [u8; 32],
        }
    };
}

/// Declares [`EpochAttested`].
#[macro_export]
macro_rules! epoch_attested_event {
    ($(#[$attribute:meta])*) => {
        /// A quorum signed an epoch's figures.
        $(#[$attribute])*
        pub struct EpochAttested {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Bitmap of the members that signed.
            pub signers: u32,
            /// Number of the epoch.
            pub epoch: u64,
            /// Root of its leaves.
            pub root: [u8; 32],
            /// Number of leaves.
            pub leaf_count: u32,
            /// Bitmap of the members whose bundles were used.
            pub bundles: u32,
            /// Sum of the contributions, kbit.
            pub total_contribution: u64,
            /// What this epoch adds to the rewards, LMR base units.
            pub epoch_reward: u64,
            /// Unix time from which it is final.
            pub final_at: i64,
        }
    };
}

/// Declares [`NodeProven`].
#[macro_export]
macro_rules! node_proven_event {
    ($(#[$attribute:meta])*) => {
        /// A node's figures of an epoch were proven.
        $(#[$attribute])*
        pub struct NodeProven {
            /// Layout version.
            pub version: u8,
            /// Why the figures are what they are.
            pub reason: u8,
            /// Reputation, in basis points.
            pub reputation_bps: u16,
            /// Attested rate towards the node, kbit/s.
            pub down_kbps: u32,
            /// Attested rate from the node, kbit/s.
            pub up_kbps: u32,
            /// Attested round-trip time, microseconds.
            pub rtt_us: u32,
            /// Address of the node's account.
            pub node: Address,
            /// Number of the epoch.
            pub epoch: u64,
            /// Contribution of this epoch, kbit.
            pub contribution: u64,
            /// Reward of the node's lifetime, LMR base units.
            pub cumulative_reward: u64,
        }
    };
}

oracle_added_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
epoch_opened_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
bundle_committed_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
epoch_attested_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
node_proven_event!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
event!(OracleAdded, discriminator = [48, 0, 207, 33, 20, 56, 215, 219]);
event!(EpochOpened, discriminator = [136, 166, 130, 170, 78, 145, 67, 78]);
event!(BundleCommitted, discriminator = [121, 109, 72, 109, 189, 54, 130, 129]);
event!(EpochAttested, discriminator = [152, 73, 218, 104, 70, 32, 96, 222]);
event!(NodeProven, discriminator = [194, 93, 231, 54, 92, 245, 203, 40]);
