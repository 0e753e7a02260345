//! Commits a node to a result that it does not show yet, so that nobody can copy it.

use anchor_lang::prelude::*;
use lumora_interface::tasks::assignment_state;

use crate::{constants::VERSION, error::TasksError, events::ResultCommitted, state::Assignment};

/// Accounts of `commit_result`. The job is not among them: replicas commit without waiting for each other.
#[derive(Accounts)]
pub struct CommitResult {
    /// The node's operator key, or its owner.
    pub operator: Signer,
    /// The assignment.
    #[account(mut, constraint = assignment.may_act(operator.address()) @ TasksError::NotOperator)]
    pub assignment: Account<Assignment>,
}

pub(crate) fn handler(ctx: &mut Context<CommitResult>, commitment: [u8; 32]) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let assignment = &mut *ctx.accounts.assignment;
    require!(assignment.state == assignment_state::CLAIMED, TasksError::WrongState);
    require!(now <= assignment.commit_deadline, TasksError::CommitLate);
    require!(commitment != [0; 32], TasksError::CommitmentZero);
    assignment.state = assignment_state::COMMITTED;
    assignment.commitment = commitment;
    assignment.committed_at = now;
    emit!(ResultCommitted {
        version: VERSION,
        replica: assignment.replica,
        _padding: [0; 2],
        shard: assignment.shard,
        job: assignment.job,
        node: assignment.node,
        commitment,
    });
    Ok(())
}
