//! Program `tasks`: escrowed jobs, who works on which shard, and agreement on the results.

mod arguments;
mod assignment;
mod config;
mod error;
mod events;
mod job;
mod verdict;
mod work;

pub use arguments::{CreateJobArguments, RejectResultArguments, RevealResultArguments};
pub use assignment::Assignment;
pub use config::TasksConfig;
pub use error::TasksError;
pub use events::{
    AssignmentExpired, AssignmentSlashed, JobCancelled, JobClosed, JobCreated, JobRefunded, ResultCommitted,
    ResultRejected, ResultRevealed, ShardClaimed, ShardSettled,
};
pub use job::{Job, ShardState};
pub use verdict::Verdict;
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
    /// A [`Verdict`](super::Verdict); followed by its digest.
    pub const VERDICT: &[u8] = b"verdict";
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
    SLASH_ASSIGNMENT = 9, slash_assignment;
    CLOSE_ASSIGNMENT = 10, close_assignment;
    REFUND_JOB = 11, refund_job;
    REJECT_RESULT = 12, reject_result;
    CLOSE_VERDICT = 13, close_verdict;
}

/// Values of [`Assignment::state`].
pub mod assignment_state {
    /// A node works on it.
    pub const CLAIMED: u8 = 1;
    /// The node committed to a result that it has not shown yet.
    pub const COMMITTED: u8 = 2;
    /// The node showed its result, or some words of it.
    pub const REVEALED: u8 = 3;
    /// The node ran out of time. Kept for its slashing, and for whoever takes the replica next.
    pub const EXPIRED: u8 = 4;
    /// The majority, or a quorum of oracles, did not find what the node had shown. Kept like an expired one.
    pub const REJECTED: u8 = 5;
}

/// Most shards of a job: the account must be created in one step, which is limited to 10,240 bytes.
pub const MAX_SHARDS: u32 = 8_192;

/// Most replicas of a shard; see `core::rounds`.
pub const MAX_REPLICAS: u8 = lumora_core::agreement::MAX_REPLICAS as u8;

/// Accounts that `settle_shard` takes for each assigned replica after the declared ones: assignment, record of work, LMR
/// token account of the node's owner, and who paid the assignment's rent. All writable, lowest replica first.
pub const ACCOUNTS_PER_REPLICA: usize = 4;

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

/// Address and bump of the account that counts the signatures under the verdict with this digest.
pub fn verdict_address(digest: &[u8; 32]) -> (Address, u8) {
    Address::find_program_address(&[seed::VERDICT, digest], &ID)
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
        assert_discriminators!("account", crate::Account, TasksConfig, Job, Assignment, Work, Verdict);
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
            ResultRejected,
            AssignmentSlashed,
            JobRefunded,
        );
    }

    #[test]
    fn the_largest_job_can_be_created_in_one_step() {
        assert!(Job::space(MAX_SHARDS) <= 10_240);
    }
}
