//! A node's work on one replica of one shard.

use lumora_core::{agreement::Revealed, result::Slot, rounds::Seat, sketch::Sketch, units::Seconds};

use super::assignment_state;
use crate::Address;

/// Declares [`Assignment`].
#[macro_export]
macro_rules! assignment_account {
    ($(#[$attribute:meta])*) => {
        /// A node's work on one replica of one shard, from the claim to the settlement. One that expired or was rejected
        /// stays until its node was slashed, and its replica was taken anew or is no longer needed.
        $(#[$attribute])*
        pub struct Assignment {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// How far it is, or how it ended; see `assignment_state`.
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
            /// What the node is still committed to: all of its result, and after each word that it shows the words that
            /// follow. Zero before it commits.
            pub commitment: [u8; 32],
            /// Merkle root of the records. Zero before it is revealed.
            pub result_root: [u8; 32],
            /// The last word of the similarity sketch that was shown.
            pub sketch: [u64; 4],
            /// Number of records.
            pub records: u32,
            /// Score with which the shard was claimed, in basis points.
            pub score: u16,
            /// Words that the shard's other nodes had shown when it was claimed: it is judged by a later one.
            pub joined: u8,
            /// Words that it has shown.
            pub shown: u8,
            /// Unix time of the claim.
            pub claimed_at: i64,
            /// Unix time after which the commitment is late.
            pub commit_deadline: i64,
            /// Unix time of the commitment; zero before.
            pub committed_at: i64,
            /// Unix time at which the last word was shown; zero before.
            pub revealed_at: i64,
            /// Unix time at which it expired or was rejected; zero before.
            pub ended_at: i64,
            /// 1 once the node was slashed for it.
            pub slashed: u8,
            /// Why the oracles rejected it; see `core::reason`. Zero if they did not.
            pub reason: u8,
            /// Room for later fields; zero.
            pub _reserved: [u8; 22],
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
    pub fn slot<'a>(&'a self, network_id: &'a [u8; 32]) -> Slot<'a> {
        Slot {
            network_id,
            job: self.job.as_array(),
            shard: self.shard,
            replica: self.replica,
            node: self.node.as_array(),
        }
    }

    /// The node's place in the shard, as the rules in `core` take it.
    #[inline(always)]
    pub fn seat(&self) -> Seat {
        Seat {
            replica: self.replica,
            is_committed: self.state != assignment_state::CLAIMED,
            joined: self.joined,
            shown: self.shown,
            commit_deadline: Seconds(self.commit_deadline),
            committed_at: Seconds(self.committed_at),
            shown_at: Seconds(self.revealed_at),
            revealed: Revealed {
                sketch: Sketch(self.sketch),
                records: self.records,
            },
        }
    }

    /// Whether it is being worked on or waits for the settlement.
    pub fn is_live(&self) -> bool {
        matches!(
            self.state,
            assignment_state::CLAIMED | assignment_state::COMMITTED | assignment_state::REVEALED
        )
    }

    /// Whether it ended in a way for which its node is slashed: what is left of it is a tombstone.
    pub fn is_tombstone(&self) -> bool {
        matches!(self.state, assignment_state::EXPIRED | assignment_state::REJECTED)
    }
}
