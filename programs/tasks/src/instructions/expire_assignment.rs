//! Frees a replica whose node ran out of time, so that another node can take it.

use anchor_lang::prelude::*;
use lumora_interface::tasks::assignment_state;

use crate::{
    constants::VERSION,
    error::TasksError,
    events::AssignmentExpired,
    state::{Assignment, Job, Outcome, Work, for_each_sibling, set_shard_state, shard_state},
};

/// Accounts of `expire_assignment`. For a node that has committed, the assignments of the shard's other assigned replicas
/// come after them, lowest first: the time to show a word runs from the last commitment.
#[derive(Accounts)]
pub struct ExpireAssignment {
    /// The job.
    #[account(mut, address = assignment.job @ TasksError::WrongJob)]
    pub job: Account<Job>,
    /// The assignment. It stays, for the node's slashing and for whoever takes the replica next.
    #[account(mut)]
    pub assignment: Account<Assignment>,
    /// The node's record of work.
    #[account(mut, constraint = work.node == assignment.node @ TasksError::WrongWork)]
    pub work: Account<Work>,
}

pub(crate) fn handler(ctx: &mut Context<ExpireAssignment>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let (shard, replica, state) = {
        let assignment = &ctx.accounts.assignment;
        (assignment.shard, assignment.replica, assignment.state)
    };
    require!(ctx.accounts.assignment.is_live(), TasksError::WrongState);
    let places = shard_state(&ctx.accounts.job, shard)?;
    let seat = ctx.accounts.assignment.seat();
    let mut seated = ctx.accounts.job.shard([seat]);
    if state != assignment_state::CLAIMED {
        let extra = ctx.remaining_accounts()?;
        let others = places.without(replica).replicas();
        for_each_sibling(&ctx.accounts.job, shard, others, &mut extra.iter(), |sibling| {
            seated.put(sibling.seat());
        })?;
    }
    // A node that owes nothing, or waits for others, has no deadline.
    let deadline = seated.expirable_after(&seat).ok_or(TasksError::NotExpired)?;
    require!(now > deadline.0, TasksError::NotExpired);

    let event = AssignmentExpired {
        version: VERSION,
        replica,
        state,
        _padding: 0,
        shard,
        job: ctx.accounts.assignment.job,
        node: ctx.accounts.assignment.node,
        expired_at: now,
    };
    ctx.accounts.assignment.bury(assignment_state::EXPIRED, now);
    ctx.accounts.work.finish(Outcome::Expired, now);
    set_shard_state(&mut ctx.accounts.job, shard, places.without(replica))?;
    let job = &mut *ctx.accounts.job;
    job.end_assignment(true)?;
    job.log(&event);
    job.invariant()
}
