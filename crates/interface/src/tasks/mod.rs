//! Program `tasks`: escrowed jobs, who works on which shard, and agreement on the results.

mod arguments;
mod assignment;
mod config;
mod error;
mod events;
mod job;
mod work;

pub use arguments::{CreateJobArguments, RevealResultArguments};
pub use assignment::Assignment;
pub use config::TasksConfig;
pub use error::TasksError;
pub use events::{
    AssignmentExpired, JobCancelled, JobClosed, JobCreated, ResultCommitted, ResultRevealed, ShardClaimed, ShardSettled,
};
pub use job::{Job, ShardState};
pub use work::Work;

use crate::Address;

/// Address of the program.
pub const ID: Address = Address::from_str_const("AfjsVsnH5QYbdYLiJVE2iiNznqNZj6SEsGrCforaM3Wg");

/// First seed of each derived address.
pub mod seed {
    /// The one [`TasksConfig`](super::TasksConfig).
    pub const CONFIG: &[u8] = b"config";
    /// A [`Job`](super::Job); followed by its client and its number. It is also the authority of its escrow.
    pub const JOB: &[u8] = b"job";
    /// The token account with a job's LMR; followed by the address of the job.
    pub const ESCROW: &[u8] = b"escrow";
    /// An [`Assignment`](super::Assignment); followed by the address of the job, the shard and the replica.
    pub const ASSIGNMENT: &[u8] = b"assignment";
    /// A [`Work`](super::Work); followed by the address of the node's account.
    pub const WORK: &[u8] = b"work";
}

instructions! {
    INITIALIZE = 0, initialize;
    CREATE_JOB = 1, create_job;
    CLAIM_SHARD = 2, claim_shard;
    COMMIT_RESULT = 3, commit_result;
    REVEAL_RESULT = 4, reveal_result;
    SETTLE_SHARD = 5, settle_shard;
    EXPIRE_ASSIGNMENT = 6, expire_assignment;
    CANCEL_JOB = 7, cancel_job;
    CLOSE_JOB = 8, close_job;
}

/// Values of [`Assignment::state`].
pub mod assignment_state {
    /// A node works on it.
    pub const CLAIMED: u8 = 1;
    /// The node committed to a result that it has not shown yet.
    pub const COMMITTED: u8 = 2;
    /// The node showed its result.
    pub const REVEALED: u8 = 3;
}

/// Most shards of a job: the account must be created in one step, which is limited to 10,240 bytes.
pub const MAX_SHARDS: u32 = 8_192;

/// Most replicas of a shard: a shard's state is one byte, seven bits for the replicas and one for "settled".
pub const MAX_REPLICAS: u8 = 7;

/// Address and bump of the one [`TasksConfig`].
pub fn config_address() -> (Address, u8) {
    Address::find_program_address(&[seed::CONFIG], &ID)
}

/// Address and bump of a client's job with this number.
pub fn job_address(client: &Address, id: u64) -> (Address, u8) {
    Address::find_program_address(&[seed::JOB, client.as_ref(), &id.to_le_bytes()], &ID)
}

/// Address and bump of the token account with a job's LMR.
pub fn escrow_address(job: &Address) -> (Address, u8) {
    Address::find_program_address(&[seed::ESCROW, job.as_ref()], &ID)
}

/// Address and bump of the assignment of a replica of a shard.
pub fn assignment_address(job: &Address, shard: u32, replica: u8) -> (Address, u8) {
    Address::find_program_address(&[seed::ASSIGNMENT, job.as_ref(), &shard.to_le_bytes(), &[replica]], &ID)
}

/// Address and bump of a node's record of work.
pub fn work_address(node: &Address) -> (Address, u8) {
    Address::find_program_address(&[seed::WORK, node.as_ref()], &ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminators_are_those_the_framework_computes() {
        assert_discriminators!("account", crate::Account, TasksConfig, Job, Assignment, Work);
        assert_discriminators!(
            "event",
            crate::Event,
            JobCreated,
            ShardClaimed,
            ResultCommitted,
            ResultRevealed,
            ShardSettled,
            AssignmentExpired,
            JobCancelled,
            JobClosed,
        );
    }

    #[test]
    fn the_largest_job_can_be_created_in_one_step() {
        assert!(Job::space(MAX_SHARDS) <= 10_240);
    }
}
