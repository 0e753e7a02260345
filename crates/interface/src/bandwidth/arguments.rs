//! Arguments of the instructions, in the order in which they are serialised (borsh).

use lumora_core::{
    adaptation::Tuning,
    units::{Bps, Seconds},
};

use crate::{Address, registry::AdaptArguments};

/// Declares [`InitializeOraclesArguments`].
#[macro_export]
macro_rules! initialize_oracles_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `initialize`.
        $(#[$attribute])*
        pub struct InitializeOraclesArguments {
            /// Least seconds between the starts of two epochs; also how long an epoch is measured.
            pub epoch_seconds: u32,
            /// Seconds after measurement in which bundles may be committed.
            pub commit_seconds: u32,
            /// Seconds after a quorum in which an epoch may still be disputed.
            pub dispute_seconds: u32,
            /// LMR base units that an oracle must have at stake to count.
            pub minimum_bond: u64,
            /// Seconds between the removal of an oracle and the withdrawal of its bond; at least the three above together.
            pub unbonding_seconds: i64,
            /// Seconds after its end for which an epoch's account stays.
            pub retention_seconds: u32,
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
            /// Wallet that controls its bond and may have it resign.
            pub owner: Address,
        }
    };
}

/// Declares [`UpdateOracleArguments`].
#[macro_export]
macro_rules! update_oracle_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `update_oracle`.
        $(#[$attribute])*
        pub struct UpdateOracleArguments {
            /// Key of the oracle.
            pub oracle: Address,
            /// Where nodes reach it: IPv6 address (IPv4 mapped), then port, both big endian.
            pub endpoint: [u8; 18],
        }
    };
}

/// Declares [`DepositOracleBondArguments`].
#[macro_export]
macro_rules! deposit_oracle_bond_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `deposit_oracle_bond`.
        $(#[$attribute])*
        pub struct DepositOracleBondArguments {
            /// Key of the oracle.
            pub oracle: Address,
            /// LMR base units.
            pub amount: u64,
        }
    };
}

/// Declares [`RemoveOracleArguments`].
#[macro_export]
macro_rules! remove_oracle_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `remove_oracle`.
        $(#[$attribute])*
        pub struct RemoveOracleArguments {
            /// Key of the oracle.
            pub oracle: Address,
        }
    };
}

/// Declares [`WithdrawOracleBondArguments`].
#[macro_export]
macro_rules! withdraw_oracle_bond_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `withdraw_oracle_bond`.
        $(#[$attribute])*
        pub struct WithdrawOracleBondArguments {
            /// Key of the oracle.
            pub oracle: Address,
        }
    };
}

/// Declares [`SetMinimumBondArguments`].
#[macro_export]
macro_rules! set_minimum_bond_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `set_minimum_bond`.
        $(#[$attribute])*
        pub struct SetMinimumBondArguments {
            /// LMR base units that an oracle must have at stake to count.
            pub minimum_bond: u64,
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

/// Declares [`AdaptRankingArguments`].
#[macro_export]
macro_rules! adapt_ranking_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `adapt_ranking`: what the oracles signed, less what the chain itself knows.
        $(#[$attribute])*
        pub struct AdaptRankingArguments {
            /// What was signed.
            pub digest: [u8; 32],
            /// Weights of bandwidth, proximity, latency and reputation in basis points; they sum to 10,000.
            pub weights: [u16; 4],
            /// Seconds that a node with a score of zero waits.
            pub max_wait_seconds: u32,
            /// Why: codes of `core::adaptation::WaitReason` and `WeightsReason`.
            pub reasons: [u8; 2],
            /// Unix time after which the signatures are void.
            pub expires_at: i64,
        }
    };
}

plain_arguments!(
    initialize_oracles_arguments,
    add_oracle_arguments,
    update_oracle_arguments,
    deposit_oracle_bond_arguments,
    remove_oracle_arguments,
    withdraw_oracle_bond_arguments,
    set_minimum_bond_arguments,
    commit_bundle_arguments,
    submit_attestation_arguments,
    prove_arguments,
    adapt_ranking_arguments
);

impl AdaptRankingArguments {
    /// The tuning that they name, as the rule in `core` takes it.
    pub fn tuning(&self) -> Tuning {
        Tuning::new(self.weights.map(Bps), Seconds(i64::from(self.max_wait_seconds)))
    }

    /// What `registry` is asked for.
    pub fn adapt(&self, epoch: u64) -> AdaptArguments {
        AdaptArguments {
            weights: self.weights,
            max_wait_seconds: self.max_wait_seconds,
            reasons: self.reasons,
            epoch,
        }
    }
}
