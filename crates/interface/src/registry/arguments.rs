//! Arguments of the instructions, in the order in which they are serialised (borsh).

use lumora_core::{
    adaptation::Tuning,
    units::{Bps, Seconds},
};

use super::NetworkParameters;
use crate::Address;

/// Declares [`InitializeRegistryArguments`].
#[macro_export]
macro_rules! initialize_registry_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `initialize`: the network's parameters. Units are those of `Network`.
        $(#[$attribute])*
        pub struct InitializeRegistryArguments {
            /// May pause, nothing else.
            pub guardian: Address,
            /// Bound into every signed message.
            pub network_id: [u8; 32],
            /// Seconds between announcing parameters and their taking effect: one second to 60 days, never changed.
            pub notice_seconds: u32,
            /// LMR base units a node must have deposited to take work.
            pub minimum_bond: u64,
            /// LMR base units of bond that each open shard needs.
            pub shard_bond: u64,
            /// Seconds between asking for a bond back and receiving it.
            pub unbonding_seconds: i64,
            /// Weights of bandwidth, proximity, latency and reputation in basis points; they sum to 10,000.
            pub weights: [u16; 4],
            /// Rate from which on more does not count, in kbit/s.
            pub reference_kbps: u32,
            /// Distance at which proximity counts half, in kilometres.
            pub half_distance_km: u32,
            /// Round-trip time at which latency counts half, in microseconds.
            pub half_latency_us: u32,
            /// Seconds that a node with a score of zero waits.
            pub max_wait_seconds: u32,
            /// Seconds after which an attestation no longer makes a node eligible.
            pub attestation_max_age_seconds: u32,
            /// Share of a node's capacity that shards may fill, in basis points.
            pub capacity_share: u16,
            /// Share of `shard_bond` lost when a deadline passes, in basis points.
            pub expiry_slash: u16,
            /// Share of each payment that the protocol keeps, in basis points.
            pub protocol_fee: u16,
            /// Share of the protocol's fee that is burned, in basis points.
            pub burn_share: u16,
        }

        impl InitializeRegistryArguments {
            /// Those of the arguments that may change later.
            pub fn parameters(&self) -> NetworkParameters {
                NetworkParameters {
                    minimum_bond: self.minimum_bond,
                    shard_bond: self.shard_bond,
                    unbonding_seconds: self.unbonding_seconds,
                    weights: self.weights,
                    reference_kbps: self.reference_kbps,
                    half_distance_km: self.half_distance_km,
                    half_latency_us: self.half_latency_us,
                    max_wait_seconds: self.max_wait_seconds,
                    attestation_max_age_seconds: self.attestation_max_age_seconds,
                    capacity_share: self.capacity_share,
                    expiry_slash: self.expiry_slash,
                    protocol_fee: self.protocol_fee,
                    burn_share: self.burn_share,
                    _padding: [0; 4],
                }
            }
        }
    };
}

/// Declares [`RegisterNodeArguments`].
#[macro_export]
macro_rules! register_node_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `register_node`.
        $(#[$attribute])*
        pub struct RegisterNodeArguments {
            /// Which of its owner's nodes this is.
            pub index: u16,
            /// Hot key of the node's software.
            pub operator: Address,
            /// ed25519 key that the node proves in its QUIC handshake.
            pub transport_key: [u8; 32],
            /// H3 cell of resolution 3 in which the node stands.
            pub h3_cell: u64,
            /// Unit vector of that cell's centre, components scaled to 32,767.
            pub location: [i16; 3],
            /// Rate that the provider is willing to share, in kbit/s.
            pub limit_kbps: u32,
            /// Shards that it is willing to work on at the same time.
            pub shard_capacity: u16,
        }
    };
}

/// Declares [`UpdateNodeArguments`].
#[macro_export]
macro_rules! update_node_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `update_node`: everything that its owner may change, whole.
        $(#[$attribute])*
        pub struct UpdateNodeArguments {
            /// Hot key of the node's software.
            pub operator: Address,
            /// ed25519 key that the node proves in its QUIC handshake.
            pub transport_key: [u8; 32],
            /// H3 cell of resolution 3 in which the node stands.
            pub h3_cell: u64,
            /// Unit vector of that cell's centre, components scaled to 32,767.
            pub location: [i16; 3],
            /// Rate that the provider is willing to share, in kbit/s.
            pub limit_kbps: u32,
            /// Shards that it is willing to work on at the same time.
            pub shard_capacity: u16,
            /// Active or paused; see `status`.
            pub status: u8,
        }
    };
}

/// Declares [`DepositBondArguments`].
#[macro_export]
macro_rules! deposit_bond_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `deposit_bond`.
        $(#[$attribute])*
        pub struct DepositBondArguments {
            /// LMR base units.
            pub amount: u64,
        }
    };
}

/// Declares [`AdaptArguments`].
#[macro_export]
macro_rules! adapt_arguments {
    ($(#[$attribute:meta])*) => {
        /// Arguments of `adapt`: what a quorum of oracles agreed on.
        $(#[$attribute])*
        pub struct AdaptArguments {
            /// Weights of bandwidth, proximity, latency and reputation in basis points; they sum to 10,000.
            pub weights: [u16; 4],
            /// Seconds that a node with a score of zero waits.
            pub max_wait_seconds: u32,
            /// Why: codes of `core::adaptation::WaitReason` and `WeightsReason`.
            pub reasons: [u8; 2],
            /// The epoch in which the figures were measured.
            pub epoch: u64,
        }
    };
}

plain_arguments!(
    initialize_registry_arguments,
    register_node_arguments,
    update_node_arguments,
    deposit_bond_arguments,
    adapt_arguments
);

impl AdaptArguments {
    /// The tuning that they name, as the rule in `core` takes it.
    pub fn tuning(&self) -> Tuning {
        Tuning::new(self.weights.map(Bps), Seconds(i64::from(self.max_wait_seconds)))
    }
}
