//! The on-chain identity of a provider or executor.

use lumora_core::geo::UnitVector;

use crate::Address;

/// Declares [`Node`].
#[macro_export]
macro_rules! node_account {
    ($(#[$attribute:meta])*) => {
        /// The on-chain identity of a provider or executor.
        $(#[$attribute])*
        pub struct Node {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Active or paused by its owner; see `status`.
            pub status: u8,
            /// Zero.
            pub _padding: u8,
            /// Which of its owner's nodes this is; part of its address.
            pub index: u16,
            /// Shards that it is willing to work on at the same time.
            pub shard_capacity: u16,
            /// Wallet that owns the node: receives rewards and payments, controls the bond.
            pub owner: Address,
            /// Hot key of the node's software: may claim, commit and reveal, never move funds.
            pub operator: Address,
            /// ed25519 key that the node proves in its QUIC handshake.
            pub transport_key: [u8; 32],
            /// H3 cell of resolution 3 (about 12,000 square kilometres) in which the node stands.
            pub h3_cell: u64,
            /// Unit vector of that cell's centre, components scaled to 32,767.
            pub location: [i16; 3],
            /// Zero.
            pub _padding_2: u16,
            /// Rate that the provider is willing to share, in kbit/s.
            pub limit_kbps: u32,
            /// Zero.
            pub _padding_3: u32,
            /// LMR base units of bond in the vault.
            pub bond: u64,
            /// LMR base units asked back, still at risk until paid out.
            pub unbonding: u64,
            /// Unix time from which the amount asked back may be withdrawn; zero when none is asked back.
            pub unbonds_at: i64,
            /// LMR base units ever lost of the bond.
            pub slashed: u64,
            /// Unix time of registration.
            pub registered_at: i64,
            /// Unix time of the last change by its owner.
            pub updated_at: i64,
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// Unix time since which the node has stood where it says; zero, in nodes that were registered before this was kept,
            /// is before any attestation.
            pub located_at: i64,
            /// Room for later fields; zero.
            pub _reserved: [u8; 56],
        }
    };
}

node_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Node,
    owner = super::ID,
    discriminator = [208, 53, 1, 3, 49, 122, 180, 49]
);

impl Node {
    /// Where the node stands, as the rules in `core` take it.
    pub fn unit_vector(&self) -> UnitVector {
        let [x, y, z] = self.location;
        UnitVector { x, y, z }
    }

    /// LMR base units of bond that vouch for new work: what is asked back no longer does.
    pub fn free_bond(&self) -> u64 {
        self.bond.saturating_sub(self.unbonding)
    }

    /// Whether its owner lets it take work.
    pub fn is_active(&self) -> bool {
        self.status == super::status::ACTIVE
    }
}
