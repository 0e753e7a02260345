//! Escrowed jobs: who may work on which shard and when, agreement on the results, and payment. Nobody dispatches and
//! nobody approves: every step is decided by arithmetic in here, and whatever is due can be triggered by anybody.

pub mod constants;
pub mod error;
pub mod events;
pub mod instructions;
pub mod state;

use anchor_lang::prelude::*;
use instructions::*;

declare_id!("AfjsVsnH5QYbdYLiJVE2iiNznqNZj6SEsGrCforaM3Wg");

#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Lumora tasks",
    project_url: "https://github.com/lumora-network/lumora",
    contacts: "link:https://github.com/lumora-network/lumora/security/advisories/new",
    policy: "https://github.com/lumora-network/lumora/blob/main/SECURITY.md",
    source_code: "https://github.com/lumora-network/lumora/tree/main/programs/tasks"
}

#[program]
pub mod tasks {
    use super::*;

    /// Names the treasury; only the network's authority may, once.
    #[discrim = 0]
    pub fn initialize(ctx: &mut Context<Initialize>) -> Result<()> {
        instructions::initialize::handler(ctx)
    }

    /// Creates a job and funds its escrow in full: the price of as many replicas of each shard as there may be. What is not
    /// spent goes back to the client.
    #[discrim = 1]
    pub fn create_job(
        ctx: &mut Context<CreateJob>,
        id: u64,
        shard_count: u32,
        arguments: CreateJobArguments,
    ) -> Result<()> {
        instructions::create_job::handler(ctx, id, shard_count, arguments)
    }

    /// Takes a replica of a shard for a node, once the node's score entitles it to. CAN give a replica that expired to
    /// another node, and open one more where all results are shown and do not agree; CANNOT be prevented or hurried by the
    /// client, by other nodes or by the network's authority, but for a pause.
    #[discrim = 2]
    pub fn claim_shard(ctx: &mut Context<ClaimShard>, shard: u32, replica: u8) -> Result<()> {
        instructions::claim_shard::handler(ctx, shard, replica)
    }

    /// Commits a node to a result that it does not show yet.
    #[discrim = 3]
    pub fn commit_result(ctx: &mut Context<CommitResult>, commitment: [u8; 32]) -> Result<()> {
        instructions::commit_result::handler(ctx, commitment)
    }

    /// Shows the next word of the result, once every replica of the shard has committed.
    #[discrim = 4]
    pub fn reveal_result(ctx: &mut Context<RevealResult>, arguments: RevealResultArguments) -> Result<()> {
        instructions::reveal_result::handler(ctx, arguments)
    }

    /// Pays those who agree, if they are more than half. Anybody may call it; the answer is always the same. CAN pay the
    /// nodes' owners, the treasury and nobody else; CANNOT be called while a result may still come or be challenged.
    #[discrim = 5]
    pub fn settle_shard(ctx: &mut Context<SettleShard>, shard: u32) -> Result<()> {
        instructions::settle_shard::handler(ctx, shard)
    }

    /// Frees a replica whose node ran out of time. Anybody may call it. Its account stays until the node was slashed.
    #[discrim = 6]
    pub fn expire_assignment(ctx: &mut Context<ExpireAssignment>) -> Result<()> {
        instructions::expire_assignment::handler(ctx)
    }

    /// Stops further claims; work that was begun is still settled. Only the client may.
    #[discrim = 7]
    pub fn cancel_job(ctx: &mut Context<CancelJob>) -> Result<()> {
        instructions::cancel_job::handler(ctx)
    }

    /// Ends a job: what is left of the escrow and all rent go back to the client. Anybody may call it, once no assignment is
    /// left.
    #[discrim = 8]
    pub fn close_job(ctx: &mut Context<CloseJob>) -> Result<()> {
        instructions::close_job::handler(ctx)
    }

    /// Takes a part of a node's bond for an assignment that expired or was rejected. Anybody may call it and keeps a tenth.
    /// CAN take the network's share of the bond of one shard, once for each such assignment; CANNOT choose how much, and the
    /// job's client gets its part whoever calls.
    #[discrim = 9]
    pub fn slash_assignment(ctx: &mut Context<SlashAssignment>) -> Result<()> {
        instructions::slash_assignment::handler(ctx)
    }

    /// Closes the account of an assignment that expired or was rejected, once its node was slashed and nobody can take its
    /// replica any more. Anybody may call it.
    #[discrim = 10]
    pub fn close_assignment(ctx: &mut Context<CloseAssignment>) -> Result<()> {
        instructions::close_assignment::handler(ctx)
    }

    /// Gives the client what can no longer be spent of a job that takes no more claims. Anybody may call it.
    #[discrim = 11]
    pub fn refund_job(ctx: &mut Context<RefundJob>) -> Result<()> {
        instructions::refund_job::handler(ctx)
    }

    /// Counts the oracles' signatures under a verdict on the only result of a shard, and rejects it once they are a quorum.
    /// CAN end one assignment whose result may still be challenged; CANNOT touch a job with more replicas.
    #[discrim = 12]
    pub fn reject_result(ctx: &mut Context<RejectResult>, arguments: RejectResultArguments) -> Result<()> {
        instructions::reject_result::handler(ctx, arguments)
    }

    /// Closes the account of a verdict whose signatures have expired, or whose result was settled or rejected meanwhile.
    /// Anybody may call it.
    #[discrim = 13]
    pub fn close_verdict(ctx: &mut Context<CloseVerdict>) -> Result<()> {
        instructions::close_verdict::handler(ctx)
    }
}
