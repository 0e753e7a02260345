//! Events of program `tasks`. All but `ResultCommitted` also extend their job's hash chain, discriminator and fields as
//! they lie in memory.

use crate::Address;

/// Declares [`JobCreated`].
#[macro_export]
macro_rules! job_created_event {
    ($(#[$attribute:meta])*) => {
        /// A job was created and its escrow funded in full.
        $(#[$attribute])*
        pub struct JobCreated {
            /// Layout version.
            pub version: u8,
            /// Nodes that each shard needs.
            pub replicas: u8,
            /// Share of each payment that the protocol keeps, in basis points.
            pub fee_bps: u16,
            /// Number of shards.
            pub shard_count: u32,
            /// Address of the job.
            pub job: Address,
            /// Wallet that pays.
            pub client: Address,
            /// SHA-256 of the manifest.
            pub manifest_hash: [u8; 32],
            /// LMR base units for one replica of one shard.
            pub price: u64,
            /// LMR base units put into escrow: the price of as many replicas of each shard as there may be.
            pub escrowed: u64,
            /// Unix time from which nothing more can be claimed.
            pub deadline: i64,
        }
    };
}

/// Declares [`ShardClaimed`].
#[macro_export]
macro_rules! shard_claimed_event {
    ($(#[$attribute:meta])*) => {
        /// A node took a replica of a shard.
        $(#[$attribute])*
        pub struct ShardClaimed {
            /// Layout version.
            pub version: u8,
            /// Replica of the shard.
            pub replica: u8,
            /// Score of the node for this job, in basis points.
            pub score: u16,
            /// Shard of the job.
            pub shard: u32,
            /// Address of the job.
            pub job: Address,
            /// Address of the node's account.
            pub node: Address,
            /// Unix time from which the node was entitled to it.
            pub claimable_at: i64,
            /// Unix time of the claim.
            pub claimed_at: i64,
            /// Distance of the node to the target, in kilometres.
            pub distance_km: u32,
            /// Words that others had shown before: the node is judged by a later one.
            pub joined: u8,
            /// Zero.
            pub _padding: [u8; 3],
        }
    };
}

/// Declares [`ResultCommitted`].
#[macro_export]
macro_rules! result_committed_event {
    ($(#[$attribute:meta])*) => {
        /// A node committed to a result.
        $(#[$attribute])*
        pub struct ResultCommitted {
            /// Layout version.
            pub version: u8,
            /// Replica of the shard.
            pub replica: u8,
            /// Zero.
            pub _padding: [u8; 2],
            /// Shard of the job.
            pub shard: u32,
            /// Address of the job.
            pub job: Address,
            /// Address of the node's account.
            pub node: Address,
            /// What it committed to.
            pub commitment: [u8; 32],
        }
    };
}

/// Declares [`ResultRevealed`].
#[macro_export]
macro_rules! result_revealed_event {
    ($(#[$attribute:meta])*) => {
        /// A node showed the next word of its result.
        $(#[$attribute])*
        pub struct ResultRevealed {
            /// Layout version.
            pub version: u8,
            /// Replica of the shard.
            pub replica: u8,
            /// Words that it has shown, this one included.
            pub shown: u8,
            /// Zero.
            pub _padding: u8,
            /// Shard of the job.
            pub shard: u32,
            /// Address of the job.
            pub job: Address,
            /// Address of the node's account.
            pub node: Address,
            /// Merkle root of the records.
            pub result_root: [u8; 32],
            /// The word of the similarity sketch.
            pub word: [u64; 4],
            /// Number of records.
            pub records: u32,
            /// Zero.
            pub _padding_2: u32,
        }
    };
}

/// Declares [`ShardSettled`].
#[macro_export]
macro_rules! shard_settled_event {
    ($(#[$attribute:meta])*) => {
        /// A shard was settled.
        $(#[$attribute])*
        pub struct ShardSettled {
            /// Layout version.
            pub version: u8,
            /// Bitmap of the replicas that were assigned.
            pub assigned: u8,
            /// Bitmap of those that agreed and were paid; zero when there was no majority.
            pub winners: u8,
            /// Bitmap of those that broke a rule, and are to be slashed.
            pub losers: u8,
            /// Shard of the job.
            pub shard: u32,
            /// Address of the job.
            pub job: Address,
            /// Merkle root of the lowest winning replica's records; zero when there was no majority.
            pub result_root: [u8; 32],
            /// LMR base units paid to each winner.
            pub paid_each: u64,
            /// LMR base units paid as fees.
            pub fees: u64,
        }
    };
}

/// Declares [`AssignmentExpired`].
#[macro_export]
macro_rules! assignment_expired_event {
    ($(#[$attribute:meta])*) => {
        /// An assignment ran out of time; its replica can be claimed anew.
        $(#[$attribute])*
        pub struct AssignmentExpired {
            /// Layout version.
            pub version: u8,
            /// Replica of the shard.
            pub replica: u8,
            /// State in which it was; see `assignment_state`.
            pub state: u8,
            /// Zero.
            pub _padding: u8,
            /// Shard of the job.
            pub shard: u32,
            /// Address of the job.
            pub job: Address,
            /// Address of the node's account.
            pub node: Address,
            /// Unix time of the expiry.
            pub expired_at: i64,
        }
    };
}

/// Declares [`JobCancelled`].
#[macro_export]
macro_rules! job_cancelled_event {
    ($(#[$attribute:meta])*) => {
        /// The client stopped claims on its job.
        $(#[$attribute])*
        pub struct JobCancelled {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Shards that were settled until then.
            pub settled_shards: u32,
            /// Address of the job.
            pub job: Address,
        }
    };
}

/// Declares [`JobClosed`].
#[macro_export]
macro_rules! job_closed_event {
    ($(#[$attribute:meta])*) => {
        /// A job ended: escrowed = paid + fees + refunded, exactly.
        $(#[$attribute])*
        pub struct JobClosed {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Shards that were settled.
            pub settled_shards: u32,
            /// Address of the job.
            pub job: Address,
            /// LMR base units put into escrow.
            pub escrowed: u64,
            /// LMR base units paid to executors.
            pub paid: u64,
            /// LMR base units paid as fees.
            pub fees: u64,
            /// LMR base units that went back to the client, now and before.
            pub refunded: u64,
            /// LMR base units that somebody had sent to the escrow besides; they went to the client as well.
            pub surplus: u64,
            /// Final head of the job's hash chain, before this event.
            pub log_head: [u8; 32],
            /// Events in that chain.
            pub log_length: u64,
        }
    };
}

/// Declares [`ResultRejected`].
#[macro_export]
macro_rules! result_rejected_event {
    ($(#[$attribute:meta])*) => {
        /// A quorum of oracles rejected the only result of a shard; its replica can be claimed anew.
        $(#[$attribute])*
        pub struct ResultRejected {
            /// Layout version.
            pub version: u8,
            /// Replica of the shard.
            pub replica: u8,
            /// Why; see `core::reason`.
            pub reason: u8,
            /// Zero.
            pub _padding: u8,
            /// Shard of the job.
            pub shard: u32,
            /// Address of the job.
            pub job: Address,
            /// Address of the node's account.
            pub node: Address,
            /// Merkle root of the records that it had shown.
            pub result_root: [u8; 32],
            /// Version of the oracle set that signed.
            pub set_version: u32,
            /// Bitmap of the seats that signed.
            pub signers: u32,
        }
    };
}

/// Declares [`AssignmentSlashed`].
#[macro_export]
macro_rules! assignment_slashed_event {
    ($(#[$attribute:meta])*) => {
        /// A node lost a part of its bond for an assignment that expired or was rejected.
        $(#[$attribute])*
        pub struct AssignmentSlashed {
            /// Layout version.
            pub version: u8,
            /// Replica of the shard.
            pub replica: u8,
            /// How the assignment ended; see `assignment_state`.
            pub state: u8,
            /// Zero.
            pub _padding: u8,
            /// Shard of the job.
            pub shard: u32,
            /// Address of the job.
            pub job: Address,
            /// Address of the node's account.
            pub node: Address,
            /// LMR base units that it had to lose.
            pub owed: u64,
            /// LMR base units that it lost: less if its bond was less, nothing if the node is closed.
            pub taken: u64,
        }
    };
}

/// Declares [`JobRefunded`].
#[macro_export]
macro_rules! job_refunded_event {
    ($(#[$attribute:meta])*) => {
        /// A part of the escrow that can no longer be spent went back to the client before the end.
        $(#[$attribute])*
        pub struct JobRefunded {
            /// Layout version.
            pub version: u8,
            /// Zero.
            pub _padding: [u8; 3],
            /// Assignments for which the escrow is kept.
            pub live_assignments: u32,
            /// Address of the job.
            pub job: Address,
            /// LMR base units that went back.
            pub amount: u64,
        }
    };
}

macro_rules! plain {
    ($($name:ident),+) => {
        $($name!(#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)]);)+
    };
}
plain!(
    job_created_event,
    shard_claimed_event,
    result_committed_event,
    result_revealed_event,
    shard_settled_event,
    assignment_expired_event,
    job_cancelled_event,
    job_closed_event,
    result_rejected_event,
    assignment_slashed_event,
    job_refunded_event
);
event!(JobCreated, discriminator = [48, 110, 162, 177, 67, 74, 159, 131]);
event!(ShardClaimed, discriminator = [133, 152, 150, 13, 172, 163, 92, 125]);
event!(ResultCommitted, discriminator = [197, 81, 109, 4, 128, 173, 1, 109]);
event!(ResultRevealed, discriminator = [109, 13, 202, 85, 148, 63, 148, 192]);
event!(ShardSettled, discriminator = [222, 56, 4, 35, 168, 250, 96, 92]);
event!(AssignmentExpired, discriminator = [26, 236, 130, 219, 24, 34, 213, 47]);
event!(JobCancelled, discriminator = [203, 84, 143, 130, 48, 134, 74, 191]);
event!(JobClosed, discriminator = [123, 63, 243, 153, 174, 212, 2, 55]);
event!(ResultRejected, discriminator = [122, 8, 249, 133, 242, 0, 188, 32]);
event!(
    AssignmentSlashed,
    discriminator = [208, 131, 140, 15, 203, 215, 242, 107]
);
event!(JobRefunded, discriminator = [156, 171, 111, 37, 17, 174, 8, 167]);
