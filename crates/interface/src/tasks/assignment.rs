//! A node's work on one replica of one shard.

use lumora_core::{agreement::Revealed, result::Slot, sketch::Sketch};

use crate::Address;

/// Declares [`Assignment`].
#[macro_export]
macro_rules! assignment_account {
    ($(#[$attribute:meta])*) => {
        /// A node's work on one replica of one shard. It lives from the claim to the settlement or expiry.
        $(#[$attribute])*
        pub struct Assignment {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Claimed, committed or revealed; see `assignment_state`.
            pub state: u8,
            /// Replica of the shard; part of its address.
            pub replica: u8,
            /// Shard of the job; part of its address.
            pub shard: u32,
            /// Address of the job; part of its address.
            pub job: Address,
            /// Address of the node's account.
            pub node: Address,
            /// Wallet that owns the node, and is paid.
            pub owner: Address,
            /// Hot key of the node when it claimed.
            pub operator: Address,
            /// Who paid the rent and gets it back.
            pub rent_payer: Address,
            /// What the node committed to; see `core::result`. Zero before.
            pub commitment: [u8; 32],
            /// Merkle root of the records. Zero before it is revealed.
            pub result_root: [u8; 32],
            /// Similarity sketch of the records.
            pub sketch: u64,
            /// Number of records.
            pub records: u32,
            /// Score with which the shard was claimed, in basis points.
            pub score: u16,
            /// Zero.
            pub _padding: u16,
            /// Unix time of the claim.
            pub claimed_at: i64,
            /// Unix time after which the commitment is late.
            pub commit_deadline: i64,
            /// Unix time of the commitment; zero before.
            pub committed_at: i64,
            /// Unix time of the reveal; zero before.
            pub revealed_at: i64,
            /// Room for later fields; zero.
            pub _reserved: [u8; 32],
        }
    };
}

assignment_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Assignment,
    owner = super::ID,
    discriminator = [106, 201, 110, 51, 89, 170, 73, 31]
);

impl Assignment {
    /// What a commitment of this assignment is bound to.
    pub fn slot(&self, network_id: &[u8; 32]) -> Slot {
        Slot {
            network_id: *network_id,
            job: self.job.to_bytes(),
            shard: self.shard,
            replica: self.replica,
            node: self.node.to_bytes(),
        }
    }

    /// The result, as the rules in `core` take it; `None` while it is not revealed.
    pub fn revealed(&self) -> Option<Revealed> {
        (self.state == super::assignment_state::REVEALED).then_some(Revealed {
            sketch: Sketch(self.sketch),
            records: self.records,
        })
    }
}
