//! What a client pays for, and the state of each of its shards.

use lumora_core::{
    agreement::Tolerance,
    geo::UnitVector,
    units::{Bps, Seconds},
};

use crate::{Account, Address};

/// Declares [`Job`].
#[macro_export]
macro_rules! job_account {
    ($(#[$attribute:meta])*) => {
        /// What a client pays for. The account holds these fields and then one byte per shard; see `ShardState`.
        $(#[$attribute])*
        pub struct Job {
            /// Layout version.
            pub version: u8,
            /// Bump of this account's address.
            pub bump: u8,
            /// Bump of the escrow's address.
            pub escrow_bump: u8,
            /// 1 when the client cancelled the job: nothing more can be claimed.
            pub cancelled: u8,
            /// Nodes that do the same shard.
            pub replicas: u8,
            /// Most bits in which the sketches of two agreeing results differ.
            pub tolerance_bits: u8,
            /// Largest difference of the counts of two agreeing results, in basis points of the larger one.
            pub tolerance_count: u16,
            /// Number of shards.
            pub shard_count: u32,
            /// Shards that are settled, with or without a winner.
            pub settled_shards: u32,
            /// Assignments that exist now.
            pub live_assignments: u32,
            /// Share of each payment that the protocol keeps, in basis points; fixed at creation.
            pub fee_bps: u16,
            /// Unit vector of where the data lives, components scaled to 32,767.
            pub target: [i16; 3],
            /// Zero.
            pub _padding: [u8; 4],
            /// Wallet that pays; gets what is left of the escrow, and the rent.
            pub client: Address,
            /// The client's own number of this job; part of its address.
            pub id: u64,
            /// The LMR mint.
            pub lmr_mint: Address,
            /// Token account that receives the protocol's fees; fixed at creation.
            pub treasury: Address,
            /// The network's id, bound into every commitment.
            pub network_id: [u8; 32],
            /// SHA-256 of the manifest: what to fetch and extract.
            pub manifest_hash: [u8; 32],
            /// SHA-256 of the text of the URI where the manifest is.
            pub uri_hash: [u8; 32],
            /// A slot hash from the moment of creation: tells nodes with equal scores apart.
            pub slot_hash: [u8; 32],
            /// Head of the hash chain over all that happened to this job; see `core::log`.
            pub log_head: [u8; 32],
            /// Events in that chain.
            pub log_length: u64,
            /// LMR base units for one replica of one shard, the protocol's fee included.
            pub price: u64,
            /// LMR base units put into escrow.
            pub escrowed: u64,
            /// LMR base units paid to executors.
            pub paid: u64,
            /// LMR base units paid as fees.
            pub fees: u64,
            /// Unix time from which waiting counts.
            pub opened_at: i64,
            /// Unix time from which nothing more can be claimed.
            pub deadline: i64,
            /// Seconds from a claim in which a result must be committed to.
            pub commit_seconds: u32,
            /// Seconds from the last commitment of a shard in which results must be shown.
            pub reveal_seconds: u32,
            /// Room for later fields; zero.
            pub _reserved: [u8; 64],
        }
    };
}

job_account!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);
account!(
    Job,
    owner = super::ID,
    discriminator = [75, 124, 80, 203, 161, 180, 202, 80]
);

impl Job {
    /// Bytes of account data of a job with so many shards.
    pub const fn space(shard_count: u32) -> usize {
        <Self as Account>::SPACE + shard_count as usize
    }

    /// Where the data lives, as the rules in `core` take it.
    pub fn target_vector(&self) -> UnitVector {
        let [x, y, z] = self.target;
        UnitVector { x, y, z }
    }

    /// How far results may lie apart and still agree.
    pub fn tolerance(&self) -> Tolerance {
        Tolerance {
            bits: self.tolerance_bits,
            count: Bps(self.tolerance_count),
        }
    }

    /// When a shard may be settled although some of its results are missing: nobody can be at work on it any more.
    pub fn final_at(&self) -> Seconds {
        let grace = i64::from(self.commit_seconds).saturating_add(i64::from(self.reveal_seconds));
        Seconds(self.deadline.saturating_add(grace))
    }

    /// The states of the shards, from the data of a job's account.
    pub fn shard_states(data: &[u8]) -> &[u8] {
        data.get(<Self as Account>::SPACE..).unwrap_or_default()
    }
}

/// The state byte of a shard: bits 0 to 6 are its replicas, bit 7 says whether it is settled. Before settlement a
/// replica's bit says that it is assigned; afterwards, that it won and was paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardState(pub u8);

impl ShardState {
    const SETTLED: u8 = 1 << 7;

    /// The state of a shard whose winners are in this bitmap.
    pub const fn settled(winners: u8) -> Self {
        Self(Self::SETTLED | winners)
    }

    /// Whether the shard is settled.
    pub const fn is_settled(self) -> bool {
        self.0 & Self::SETTLED != 0
    }

    /// Bitmap of the replicas that are assigned, or that won.
    pub const fn replicas(self) -> u8 {
        self.0 & !Self::SETTLED
    }

    /// Whether this replica is assigned, or won.
    pub const fn has(self, replica: u8) -> bool {
        replica < super::MAX_REPLICAS && self.0 >> replica & 1 == 1
    }

    /// The same with this replica assigned.
    pub const fn with(self, replica: u8) -> Self {
        Self(self.0 | 1 << replica)
    }

    /// The same with this replica free again.
    pub const fn without(self, replica: u8) -> Self {
        Self(self.0 & !(1 << replica))
    }

    /// The lowest replica that can be claimed, of a job with so many.
    pub fn first_free(self, replicas: u8) -> Option<u8> {
        if self.is_settled() {
            return None;
        }
        (0..replicas.min(super::MAX_REPLICAS)).find(|replica| !self.has(*replica))
    }
}
