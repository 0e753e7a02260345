//! Arguments of the instructions, in the order in which they are serialised (borsh).

use crate::Address;

/// Declares [`InitializeOraclesArguments`].
#[macro_export]
macro_rules! initialize_oracles_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `initialize`. All in seconds.
        $(#[$attribute])*
        pub struct InitializeOraclesArguments {
            /// Least time between the starts of two epochs; also how long an epoch is measured.
            pub epoch_seconds: u32,
            /// Time after measurement in which bundles may be committed.
            pub commit_seconds: u32,
            /// Time after a quorum in which an epoch may still be disputed.
            pub dispute_seconds: u32,
        }
    };
}

/// Declares [`AddOracleArguments`].
#[macro_export]
macro_rules! add_oracle_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `add_oracle`.
        $(#[$attribute])*
        pub struct AddOracleArguments {
            /// ed25519 key with which it signs.
            pub key: Address,
            /// Where nodes reach it: IPv6 address (IPv4 mapped), then port, both big endian.
            pub endpoint: [u8; 18],
        }
    };
}

/// Declares [`CommitBundleArguments`].
#[macro_export]
macro_rules! commit_bundle_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `commit_bundle`.
        $(#[$attribute])*
        pub struct CommitBundleArguments {
            /// Root of the bundle's receipts.
            pub root: [u8; 32],
            /// Number of entries: receipts, and what the oracle saw of nodes.
            pub count: u32,
        }
    };
}

/// Declares [`SubmitAttestationArguments`].
#[macro_export]
macro_rules! submit_attestation_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `submit_attestation`: what the oracles signed, less what the chain itself knows.
        $(#[$attribute])*
        pub struct SubmitAttestationArguments {
            /// Root of the epoch's leaves.
            pub root: [u8; 32],
            /// Number of leaves.
            pub leaf_count: u32,
            /// Sum of the leaves' contributions of this epoch, kbit.
            pub total_contribution: u64,
            /// What this epoch adds to the leaves' cumulative rewards, LMR base units.
            pub epoch_reward: u64,
            /// Sum of the leaves' cumulative rewards, LMR base units.
            pub cumulative_reward: u64,
            /// Bitmap of the members whose bundles were used.
            pub bundles: u32,
            /// Unix time after which the signatures are void.
            pub expires_at: i64,
        }
    };
}

/// Declares [`ProveArguments`].
#[macro_export]
macro_rules! prove_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `prove`: the node's leaf, less its node and epoch, and its place in the tree. The siblings of its
        /// Merkle path are the second argument, a vector of hashes from the leaf upwards.
        $(#[$attribute])*
        pub struct ProveArguments {
            /// Which leaf it is.
            pub index: u32,
            /// Attested rate towards the node, kbit/s.
            pub down_kbps: u32,
            /// Attested rate from the node, kbit/s.
            pub up_kbps: u32,
            /// Attested round-trip time, microseconds.
            pub rtt_us: u32,
            /// Share of the scheduled rounds that the node answered, in basis points.
            pub uptime_bps: u16,
            /// Reputation, in basis points.
            pub reputation_bps: u16,
            /// Why the figures are what they are: a code of `core::reason`.
            pub reason: u8,
            /// Contribution of this epoch, kbit.
            pub contribution: u64,
            /// Contribution of the node's lifetime, kbit.
            pub cumulative_contribution: u64,
            /// Reward of the node's lifetime, LMR base units.
            pub cumulative_reward: u64,
        }
    };
}

plain_arguments!(
    initialize_oracles_arguments,
    add_oracle_arguments,
    commit_bundle_arguments,
    submit_attestation_arguments,
    prove_arguments
);
