//! The one account that configures the network.

use lumora_core::{
    score::{Scoring, Weights},
    units::{Bps, Kbps, Kilometres, Micros},
};

use crate::Address;

/// Declares [`Network`].
#[macro_export]
macro_rules! network_account {
    ($(#[$attribute:meta])*) => {
        /// Authorities, what is paused, and the parameters that the other programs read.
        $(#[$attribute])*
        pub struct Network {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Bump of the bond vault's address.
            pub bond_bump: u8,
            /// Zero.
            pub _padding: u8,
            /// Bits of `pause`: which new commitments are stopped.
            pub paused: u32,
            /// May change parameters and oracles, and name its successor.
            pub authority: Address,
            /// Successor that has not accepted yet; zero when there is none.
            pub pending_authority: Address,
            /// May pause, nothing else.
            pub guardian: Address,
            /// The LMR mint.
            pub lmr_mint: Address,
            /// Bound into every signed message, so that a signature of one network is void on another.
            pub network_id: [u8; 32],
            /// May slash bonds: the signing addresses of `tasks` and of `bandwidth`.
            pub slashers: [Address; 2],
            /// LMR base units a node must have deposited to take work.
            pub minimum_bond: u64,
            /// LMR base units of bond that each open shard needs.
            pub shard_bond: u64,
            /// Seconds between asking for a bond back and receiving it.
            pub unbonding_seconds: i64,
            /// Score: weight of attested bandwidth, in basis points. The four weights sum to 10,000.
            pub weight_bandwidth: u16,
            /// Score: weight of nearness to where the data lives.
            pub weight_proximity: u16,
            /// Score: weight of the round-trip time.
            pub weight_latency: u16,
            /// Score: weight of reputation.
            pub weight_reputation: u16,
            /// Score: rate from which on more does not count, in kbit/s.
            pub reference_kbps: u32,
            /// Score: distance at which proximity counts half, in kilometres.
            pub half_distance_km: u32,
            /// Score: round-trip time at which latency counts half, in microseconds.
            pub half_latency_us: u32,
            /// Seconds that a node with a score of zero waits before it may claim a shard.
            pub max_wait_seconds: u32,
            /// Seconds after which an attestation no longer makes a node eligible for work.
            pub attestation_max_age_seconds: u32,
            /// Share of a node's attested capacity that shards may fill, in basis points.
            pub capacity_share: u16,
            /// Share of `shard_bond` lost by a node that lets a deadline pass, in basis points.
            pub expiry_slash: u16,
            /// Share of each payment for work or data that the protocol keeps, in basis points.
            pub protocol_fee: u16,
            /// Share of the protocol's fee that is burned, in basis points.
            pub burn_share: u16,
            /// Zero.
            pub _padding_2: [u8; 4],
            /// Nodes ever registered.
            pub nodes: u64,
            /// LMR base units of bond in the vault.
            pub bonded: u64,
            /// Unix time of initialisation.
            pub initialized_at: i64,
            /// Unix time of the last change of a parameter.
            pub changed_at: i64,
            /// Unix time from which announced parameters take effect; zero when none are announced.
            pub announced_for: i64,
            /// Room for announced parameters and later fields; zero.
            pub _reserved: [u8; 256],
        }
    };
}

network_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Network,
    owner = super::ID,
    discriminator = [51, 5, 209, 183, 60, 99, 156, 251]
);

impl Network {
    /// The parameters of the score as the rule in `core` takes them.
    pub fn scoring(&self) -> Scoring {
        Scoring {
            weights: Weights {
                bandwidth: Bps(self.weight_bandwidth),
                proximity: Bps(self.weight_proximity),
                latency: Bps(self.weight_latency),
                reputation: Bps(self.weight_reputation),
            },
            reference: Kbps(self.reference_kbps),
            half_distance: Kilometres(self.half_distance_km),
            half_latency: Micros(self.half_latency_us),
        }
    }

    /// Whether any of the given bits of [`pause`](super::pause) is set.
    pub fn is_paused(&self, what: u32) -> bool {
        self.paused & what != 0
    }
}
